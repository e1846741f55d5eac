"""What join_feedback is told by its environment. The object store's variables are read by its client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MAX_LABELS = 20_000


class SettingsError(ValueError):
    """Variables are missing or wrong; the message names all of them."""


@dataclass(frozen=True)
class Settings:
    """Where the state is, and how much is done at a time.

    Attributes:
        database_url: of functions.state.
        max_labels: labels joined in one go; what is left is joined at once after.
    """

    database_url: str
    max_labels: int = MAX_LABELS

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings. Raises SettingsError naming every bad variable."""
        problems: list[str] = []
        if not env.get("DATABASE_URL"):
            problems.append("DATABASE_URL is not set: give sqlite:///path or postgresql+psycopg://…")
        text = env.get("MAX_LABELS") or str(MAX_LABELS)
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 1_000_000):
            problems.append(f"MAX_LABELS must be a whole number from 1 to 1000000, not {text!r}")
        if problems:
            raise SettingsError("; ".join(problems))
        return cls(env["DATABASE_URL"], int(text))
