"""The settings of ring_timers, from its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from eventing.environment import Variables


@dataclass(frozen=True)
class Settings:
    """Where the timers are.

    Attributes:
        database_url: of functions.state.
        batch: how many timers are rung at most by one tick.
        keep: how long the answers to handled events are kept for redeliveries.
    """

    database_url: str
    batch: int = 200
    keep: timedelta = timedelta(days=30)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings. Raises SettingsError naming every bad variable."""
        read = Variables(env)
        database_url = read.database_url()
        batch = read.number("TIMERS_BATCH", cls.batch, 1, 100_000)
        days = read.number("HANDLED_KEEP_DAYS", cls.keep.days, 1, 100_000)
        return read.checked(cls(database_url, batch, timedelta(days=days)))
