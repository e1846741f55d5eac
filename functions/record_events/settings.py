"""The settings of record_events, from its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from eventing.environment import Variables


@dataclass(frozen=True)
class Settings:
    """Where the ledger is, and how much one answer holds.

    Attributes:
        database_url: of functions.state.
        max_wait_s: how long a request for new events is held open at most.
        max_waiting: how many such requests are held at a time; more are answered at once.
        max_data_bytes: an event's data above this is left out of lists, and shown by its own address.
    """

    database_url: str
    max_wait_s: float = 25.0
    max_waiting: int = 12
    max_data_bytes: int = 65_536

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings. Raises SettingsError naming every bad variable."""
        read = Variables(env)
        return read.checked(cls(read.database_url()))
