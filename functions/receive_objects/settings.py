"""The settings of receive_objects, from its environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from eventing.environment import Variables

DEFAULT_BUCKETS = "raw,feedback,batch"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_TOKEN = re.compile(r"[!-~]{16,}")


@dataclass(frozen=True)
class Settings:
    """Which buckets are watched, and where what was seen is kept.

    Attributes:
        database_url: of functions.state.
        buckets: whose objects are announced.
        webhook_token: what the object store must show; None closes the webhook, the sweep does it all.
    """

    database_url: str
    buckets: tuple[str, ...] = tuple(DEFAULT_BUCKETS.split(","))
    webhook_token: str | None = None

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings. Raises SettingsError naming every bad variable."""
        read = Variables(env)
        names = read.get("BUCKETS", DEFAULT_BUCKETS).split(",")
        buckets = tuple(dict.fromkeys(name.strip() for name in names))
        for name in buckets:
            if not _BUCKET.fullmatch(name):
                read.wrong(f"BUCKETS: {name!r} is no bucket's name")
        token = read.get("WEBHOOK_TOKEN") or None
        # MinIO sends no token at all when it holds blanks.
        if token is not None and not _TOKEN.fullmatch(token):
            read.wrong("WEBHOOK_TOKEN must be 16 or more letters, digits or signs, without blanks")
        return read.checked(cls(read.database_url(), buckets, token))
