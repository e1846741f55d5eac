"""What detect_drift is told by its environment. The object store's variables are read by its client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


class SettingsError(ValueError):
    """Variables are missing or wrong; the message names all of them."""


@dataclass(frozen=True)
class Settings:
    """Where the state is: `database_url` of functions.state."""

    database_url: str

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings. Raises SettingsError naming every bad variable."""
        if not env.get("DATABASE_URL"):
            raise SettingsError("DATABASE_URL is not set: give sqlite:///path or postgresql+psycopg://…")
        return cls(env["DATABASE_URL"])
