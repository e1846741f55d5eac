"""The settings of evaluate_model, from its environment. The object store's client reads its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from eventing.environment import Variables


@dataclass(frozen=True)
class Settings:
    """Where the state is, and how thoroughly it compares.

    Attributes:
        database_url: of functions.state.
        resamples: how many bootstrap resamples an interval is made of.
    """

    database_url: str
    resamples: int = 1000

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings. Raises SettingsError naming every bad variable."""
        read = Variables(env)
        return read.checked(
            cls(read.database_url(), read.number("GATE_RESAMPLES", cls.resamples, 100, 100_000))
        )
