"""What log_inferences is told by its environment. The object store's variables are read by its client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MAX_BYTES = 32 << 20


class SettingsError(ValueError):
    """Variables are missing or wrong; the message names all of them."""


@dataclass(frozen=True)
class Settings:
    """Where the state is, and how large an event may be.

    Attributes:
        database_url: of functions.state.
        max_bytes: the largest batch taken.
    """

    database_url: str
    max_bytes: int = MAX_BYTES

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings. Raises SettingsError naming every bad variable."""
        problems: list[str] = []
        if not env.get("DATABASE_URL"):
            problems.append("DATABASE_URL is not set: give sqlite:///path or postgresql+psycopg://…")
        text = env.get("MAX_BATCH_BYTES") or str(MAX_BYTES)
        if not (text.isascii() and text.isdigit() and int(text) >= 1024):
            problems.append(f"MAX_BATCH_BYTES must be a whole number from 1024, not {text!r}")
        if problems:
            raise SettingsError("; ".join(problems))
        return cls(env["DATABASE_URL"], int(text))
