"""The settings of a function that has none but its state's. The object store's client reads its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from eventing.environment import Variables


@dataclass(frozen=True)
class Settings:
    """Where the state is: the `database_url` of `functions.state.database`."""

    database_url: str

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings. Raises SettingsError naming every bad variable."""
        read = Variables(env)
        return read.checked(cls(read.database_url()))
