"""What evaluate_model is told by its environment. The object store's variables are read by its client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

DEFAULT_RESAMPLES = 1000


class SettingsError(ValueError):
    """Variables are missing or wrong; the message names all of them."""


@dataclass(frozen=True)
class Settings:
    """Where the state is, and how thoroughly it compares.

    Attributes:
        database_url: of functions.state.
        resamples: how many bootstrap resamples an interval is made of.
    """

    database_url: str
    resamples: int = DEFAULT_RESAMPLES

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings. Raises SettingsError naming every bad variable."""
        problems: list[str] = []
        if not env.get("DATABASE_URL"):
            problems.append("DATABASE_URL is not set: give sqlite:///path or postgresql+psycopg://…")
        text = env.get("GATE_RESAMPLES") or str(DEFAULT_RESAMPLES)
        if not (text.isascii() and text.isdigit() and 100 <= int(text) <= 100_000):
            problems.append(f"GATE_RESAMPLES must be a whole number from 100 to 100000, not {text!r}")
        if problems:
            raise SettingsError("; ".join(problems))
        return cls(env["DATABASE_URL"], int(text))
