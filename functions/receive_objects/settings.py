"""What receive_objects is told by its environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

DEFAULT_BUCKETS = "raw,feedback"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_TOKEN = re.compile(r"[!-~]{16,}")


class SettingsError(ValueError):
    """Variables are missing or wrong; the message names all of them."""


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
        problems: list[str] = []
        if not env.get("DATABASE_URL"):
            problems.append("DATABASE_URL is not set: give sqlite:///path or postgresql+psycopg://…")
        names = (env.get("BUCKETS") or DEFAULT_BUCKETS).split(",")
        buckets = tuple(dict.fromkeys(name.strip() for name in names))
        problems += [
            f"BUCKETS: {name!r} is no bucket's name" for name in buckets if not _BUCKET.fullmatch(name)
        ]
        token = env.get("WEBHOOK_TOKEN") or None
        # MinIO sends no token at all when it holds blanks.
        if token is not None and not _TOKEN.fullmatch(token):
            problems.append("WEBHOOK_TOKEN must be 16 or more letters, digits or signs, without blanks")
        if problems:
            raise SettingsError("; ".join(problems))
        return cls(env["DATABASE_URL"], buckets, token)
