"""What can be wrong with the values given to an encoding.

EncodingError
└── problems: every EncodingProblem found, not just the first
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class EncodingProblem:
    """One feature that cannot be encoded: what was given, what is expected, and the first row (from 0)."""

    feature: str
    got: str
    expected: str
    row: int | None = None

    def __str__(self) -> str:
        """Say it in one sentence."""
        place = f"feature '{self.feature}'" + ("" if self.row is None else f", row {self.row}")
        return f"{place}: got {self.got}, expected {self.expected}"


class EncodingError(Exception):
    """The values do not fit the model's features. `problems` lists what is wrong, at most one per feature."""

    def __init__(self, problems: Sequence[EncodingProblem]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class BadCell(Exception):
    """A value of a column has the wrong type; the encoding turns it into a problem that names the feature."""

    def __init__(self, row: int | None, got: str, expected: str) -> None:
        super().__init__(got)
        self.row = row
        self.got = got
        self.expected = expected


def describe(value: object) -> str:
    """Return a short text that shows a value and its type, for an error."""
    text = repr(value)
    return f"{text if len(text) <= 40 else text[:37] + '...'} ({type(value).__name__})"
