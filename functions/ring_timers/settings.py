"""What ring_timers is told by its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

DEFAULT_BATCH = 200
DEFAULT_KEEP_DAYS = 30


class SettingsError(ValueError):
    """Variables are missing or wrong; the message names all of them."""


@dataclass(frozen=True)
class Settings:
    """Where the timers are.

    Attributes:
        database_url: of functions.state.
        batch: how many timers are rung at most by one tick.
        keep: how long the answers to handled events are kept for redeliveries.
    """

    database_url: str
    batch: int = DEFAULT_BATCH
    keep: timedelta = timedelta(days=DEFAULT_KEEP_DAYS)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings. Raises SettingsError naming every bad variable."""
        problems: list[str] = []
        if not env.get("DATABASE_URL"):
            problems.append("DATABASE_URL is not set: give sqlite:///path or postgresql+psycopg://…")
        batch = _count(env, "TIMERS_BATCH", DEFAULT_BATCH, problems)
        days = _count(env, "HANDLED_KEEP_DAYS", DEFAULT_KEEP_DAYS, problems)
        if problems:
            raise SettingsError("; ".join(problems))
        return cls(env["DATABASE_URL"], batch, timedelta(days=days))


def _count(env: Mapping[str, str], name: str, default: int, problems: list[str]) -> int:
    text = env.get(name) or str(default)
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 100_000:
        return int(text)
    problems.append(f"{name} must be a whole number from 1 to 100000, not {text!r}")
    return default
