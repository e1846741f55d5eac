"""Reference and current data as a detector takes them: columns of numbers or of categories."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Kind = Literal["number", "category"]
Role = Literal["feature", "score"]
Floats = npt.NDArray[np.float64]
Objects = npt.NDArray[np.object_]

# With fewer values than this a test says nothing worth reading.
MIN_VALUES = 20


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One feature, or one prediction score.

    Attributes:
        name: as the model's encoding names it; a score's is its class, or the target.
        kind: what its values are.
        values: of every row, missing ones included, shape (rows,): float64 with NaN where missing for
            numbers, str or None for categories.
        role: what the model is given, or what it answers.
    """

    name: str
    kind: Kind
    values: Floats | Objects
    role: Role = "feature"

    @property
    def rows(self) -> int:
        """How many rows there are, missing values included."""
        return len(self.values)

    @property
    def missing(self) -> int:
        """How many values are missing."""
        if self.kind == "number":
            return int(np.isnan(self.values.astype(np.float64)).sum())
        return sum(value is None for value in self.values)

    @property
    def numbers(self) -> Floats:
        """The values that are there, as numbers, shape (rows - missing,)."""
        values = self.values.astype(np.float64)
        return values[~np.isnan(values)]

    @property
    def categories(self) -> Objects:
        """The values that are there, as text, shape (rows - missing,)."""
        return np.array([value for value in self.values if value is not None], dtype=object)


def number(name: str, values: Iterable[object], role: Role = "feature") -> Column:
    """Make a column of numbers; None, NaN and the infinities are missing."""
    read = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    read[~np.isfinite(read)] = np.nan
    return Column(name, "number", read, role)


def category(name: str, values: Iterable[object], role: Role = "feature") -> Column:
    """Make a column of categories; None and NaN are missing, any other value is its text."""
    read = [None if value is None or value != value else str(value) for value in values]
    return Column(name, "category", np.array([*read, None], dtype=object)[:-1], role)


Table = Mapping[str, Column]


def table(columns: Iterable[Column]) -> Table:
    """Make a table of columns. The features are of the same rows; scores may be of others.

    Raises:
        ValueError: two have one name, or two features differ in length.
    """
    found: dict[str, Column] = {}
    for column in columns:
        if column.name in found:
            raise ValueError(f"two columns are named {column.name}")
        found[column.name] = column
    if len({column.rows for column in found.values() if column.role == "feature"}) > 1:
        raise ValueError("the features of a table have one length")
    return found


def only(data: Table, role: Role) -> Table:
    """Return the columns of one role."""
    return {name: column for name, column in data.items() if column.role == role}


def rows_of(data: Table) -> int:
    """Return how many rows a table has: of its features, or of scores where there are no others."""
    columns = only(data, "feature") or data
    return next((column.rows for column in columns.values()), 0)


@dataclass(frozen=True, slots=True)
class Untested:
    """A column that no test was made of, and why."""

    feature: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """One column in the reference and in the window."""

    reference: Column
    current: Column

    @property
    def name(self) -> str:
        """The column's name."""
        return self.reference.name


def pairs(
    reference: Table, current: Table, kinds: Sequence[Kind] = ("number", "category")
) -> Iterator[Pair | Untested]:
    """Go through the reference's columns: those of `kinds` with enough values on both sides, or why not."""
    for name, column in reference.items():
        other = current.get(name)
        reason = _reason_untested(column, other, kinds)
        if reason is None and other is not None:
            yield Pair(column, other)
        else:
            yield Untested(name, reason or "it is not in the window")


def _reason_untested(column: Column, other: Column | None, kinds: Sequence[Kind]) -> str | None:
    if column.kind not in kinds:
        return f"this detector does not test a {column.kind}"
    if other is None:
        return "it is not in the window"
    if other.kind != column.kind:
        return f"it is a {other.kind} in the window and a {column.kind} in the reference"
    for where, each in (("reference", column), ("window", other)):
        there = each.rows - each.missing
        if there < MIN_VALUES:
            return f"{there} values in the {where}, a test needs {MIN_VALUES}"
    return None
