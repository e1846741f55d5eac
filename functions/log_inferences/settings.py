"""The settings of log_inferences, from its environment. The object store's client reads its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from eventing.environment import Variables


@dataclass(frozen=True)
class Settings:
    """Where the state is, and how large an event may be.

    Attributes:
        database_url: of functions.state.
        max_bytes: the largest batch taken.
    """

    database_url: str
    max_bytes: int = 32 << 20

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings. Raises SettingsError naming every bad variable."""
        read = Variables(env)
        return read.checked(
            cls(read.database_url(), read.number("MAX_BATCH_BYTES", cls.max_bytes, 1024, 1 << 40))
        )
