"""Reads the variables of a function, and names at once all that is wrong with them.

It imports nothing that is slow: model servers read their settings with it before anything else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TypeVar

T = TypeVar("T")


class SettingsError(ValueError):
    """`problems` lists every variable that is missing or wrong, with what is expected of it."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class Variables:
    """Reads variables one by one and remembers what is wrong with each; an empty one counts as not set."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._problems: list[str] = []

    def checked(self, settings: T) -> T:
        """Return the settings that were read. Raises: SettingsError when anything was wrong."""
        if self._problems:
            raise SettingsError(self._problems)
        return settings

    def get(self, name: str, default: str = "") -> str:
        """Return a variable of which any text will do."""
        return self._env.get(name) or default

    def wrong(self, problem: str) -> None:
        """Remember a problem that the caller has found; it names the variable and the fix."""
        self._problems.append(problem)

    def text(self, name: str, pattern: str, expected: str, default: str | None = None) -> str:
        """Return a text that matches a pattern; without a default it must be set."""
        value = self.get(name)
        if not value and default is not None:
            return default
        if not re.fullmatch(pattern, value):
            self._unexpected(name, expected)
        return value

    def number(self, name: str, default: int | None, least: int, most: int) -> int:
        """Return a whole number from `least` to `most`; without a default it must be set."""
        text = self.get(name)
        if not text and default is not None:
            return default
        value = int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None
        if value is None or not least <= value <= most:
            self._unexpected(name, f"a whole number from {least} to {most}")
            return least
        return value

    def seconds(self, name: str, default: float, least: float = 0.001, most: float = 10**9) -> float:
        """Return a number of seconds from `least` to `most`."""
        try:
            value = float(self.get(name) or default)
        except ValueError:
            value = -1.0
        if not least <= value <= most:
            self._unexpected(name, f"seconds from {least:g} to {most:g}")
            return default
        return value

    def duration(self, name: str, default_s: float) -> timedelta:
        """Return a number of seconds as a duration."""
        return timedelta(seconds=self.seconds(name, default_s))

    def flag(self, name: str) -> bool:
        """Return whether a switch is on; it is off unless it is set."""
        text = self.get(name, "false").lower()
        if text not in ("true", "1", "false", "0"):
            self._unexpected(name, "true or false")
        return text in ("true", "1")

    def database_url(self) -> str:
        """Return the address of the state."""
        return self.text("DATABASE_URL", ".+", "sqlite:///path or postgresql+psycopg://…")

    def _unexpected(self, name: str, expected: str) -> None:
        value = self.get(name)
        self._problems.append(f"{name} {f'is {value!r}' if value else 'is not set'}: expected {expected}")
