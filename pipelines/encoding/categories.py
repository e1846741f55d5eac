"""Encoders of categories: a column of texts in, a float32 block out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from pipelines.encoding.columns import Matrix, Values
from pipelines.encoding.errors import BadCell, describe
from pipelines.values.reading import NotRead, folded, read_label


def label_of(row: int, value: object) -> str | None:
    """Return the canonical text of a category, the same for a table's cell and a JSON value; None if missing.

    Raises: BadCell when the value is no scalar.
    """
    try:
        return read_label(value)
    except NotRead as error:
        raise BadCell(row, describe(value), "a text, a number, a boolean or null") from error


@dataclass(frozen=True, slots=True)
class Lookup:
    """Finds what belongs to a category: by its exact text, else by its value however it is written.

    Models of earlier releases know texts with spaces around them, so the exact text goes first.
    """

    exact: Mapping[str | None, int]
    alike: Mapping[str, int]

    @classmethod
    def of(cls, labels: Sequence[str]) -> Lookup:
        """Index the known labels by their positions."""
        alike: dict[str, int] = {}
        for index, label in enumerate(labels):
            alike.setdefault(folded(label.strip()), index)
        return cls({label: index for index, label in enumerate(labels)}, alike)

    def find(self, row: int, value: Any, missing: int | None) -> int | None:
        """Return a value's position, `missing` where it is not known, None where it was never seen."""
        label = label_of(row, value)
        if label is None:
            return missing
        found = self.exact.get(label)
        return self.alike.get(folded(label)) if found is None else found


@dataclass(frozen=True)
class OneHot:
    """A column per known value, and one for missing where it was seen; a value never seen is all zeros."""

    method: ClassVar[str] = "one_hot"
    values: tuple[str, ...]
    missing: bool
    _lookup: Lookup = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the known values."""
        object.__setattr__(self, "_lookup", Lookup.of(self.values))

    @property
    def width(self) -> int:
        """One per known value, at least one."""
        return max(1, len(self.values) + self.missing)

    def encode(self, values: Values) -> Matrix:
        """Return [N, width]."""
        block = np.zeros((len(values), self.width), dtype=np.float32)
        lookup, missing = self._lookup, len(self.values) if self.missing else None
        for row, value in enumerate(values):
            index = lookup.exact.get(value) if type(value) is str else None
            if index is None:
                index = lookup.find(row, value, missing)
            if index is not None:
                block[row, index] = 1.0
        return block

    def params(self) -> dict[str, Any]:
        """Return the known values in column order."""
        return {"values": list(self.values), "missing": self.missing}


@dataclass(frozen=True)
class Ordinal:
    """One column with a value's position in `values`, the next number for missing, and one more for unseen.

    It is for graphs that take texts: they look the text up again (`pipelines.adoption`).
    """

    method: ClassVar[str] = "ordinal"
    values: tuple[str, ...]
    _lookup: Lookup = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the known values."""
        object.__setattr__(self, "_lookup", Lookup.of(self.values))

    @property
    def width(self) -> int:
        """One."""
        return 1

    def encode(self, values: Values) -> Matrix:
        """Return [N, 1]."""
        block = np.empty((len(values), 1), dtype=np.float32)
        lookup, missing = self._lookup, len(self.values)
        for row, value in enumerate(values):
            index = lookup.exact.get(value) if type(value) is str else None
            if index is None:
                index = lookup.find(row, value, missing)
            block[row] = missing + 1 if index is None else index
        return block

    def params(self) -> dict[str, Any]:
        """Return the known values in their order."""
        return {"values": list(self.values)}


@dataclass(frozen=True)
class TargetMean:
    """For many-valued categories: the target's smoothed mean per value, a column per class but the first.

    `means` maps a value to its row of means; a value never seen, or rare, gets `prior`. Missing is a value of
    its own, kept under `missing`. (Micci-Barreca 2001, "A preprocessing scheme for high-cardinality
    categorical attributes in classification and prediction problems".)
    """

    method: ClassVar[str] = "target_mean"
    means: Mapping[str, tuple[float, ...]]
    missing: tuple[float, ...] | None
    prior: tuple[float, ...]
    _lookup: Lookup = field(init=False, repr=False, compare=False)
    _rows: tuple[tuple[float, ...], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the known values; the last two rows are for missing and for never seen."""
        object.__setattr__(self, "_lookup", Lookup.of(list(self.means)))
        missing = self.prior if self.missing is None else self.missing
        object.__setattr__(self, "_rows", (*self.means.values(), missing, self.prior))

    @property
    def width(self) -> int:
        """One per class but the first, or one."""
        return len(self.prior)

    def encode(self, values: Values) -> Matrix:
        """Return [N, width]."""
        block = np.empty((len(values), self.width), dtype=np.float32)
        lookup, rows, missing = self._lookup, self._rows, len(self.means)
        for row, value in enumerate(values):
            index = lookup.exact.get(value) if type(value) is str else None
            if index is None:
                index = lookup.find(row, value, missing)
            block[row] = rows[-1 if index is None else index]
        return block

    def params(self) -> dict[str, Any]:
        """Return the means by value."""
        return {
            "means": {value: list(row) for value, row in self.means.items()},
            "missing": None if self.missing is None else list(self.missing),
            "prior": list(self.prior),
        }
