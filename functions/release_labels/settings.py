"""What release_labels reads from its environment. The object store's variables are read by its client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from eventing.environment import Variables


@dataclass(frozen=True)
class Settings:
    """Where the state is: `database_url` of functions.state."""

    database_url: str

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings. Raises SettingsError naming every bad variable."""
        read = Variables(env)
        return read.checked(cls(read.database_url()))
