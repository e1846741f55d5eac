"""The settings of join_feedback, from its environment. The object store's client reads its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from eventing.environment import Variables


@dataclass(frozen=True)
class Settings:
    """Where the state is, and how much is done at a time.

    Attributes:
        database_url: of functions.state.
        max_labels: labels joined in one go; what is left is joined at once after.
    """

    database_url: str
    max_labels: int = 20_000

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings. Raises SettingsError naming every bad variable."""
        read = Variables(env)
        return read.checked(cls(read.database_url(), read.number("MAX_LABELS", cls.max_labels, 1, 1_000_000)))
