"""Encoders of numbers, booleans and categories: one column of raw values in, a float32 block out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from pipelines.encoding.errors import BadCell, describe
from pipelines.encoding.scales import Scale
from pipelines.values.reading import NotRead, folded, is_missing, read_label

Matrix = NDArray[np.float32]
Values = Sequence[Any] | NDArray[Any]
_NUMERIC = "fiu"


class Encoder(Protocol):
    """Turns the N raw values of one feature into a float32 block [N, width]."""

    method: ClassVar[str]

    @property
    def width(self) -> int:
        """How many columns the block has."""
        ...

    def encode(self, values: Values) -> Matrix:
        """Return the block. Raises: BadCell at the first value of a wrong type."""
        ...

    def params(self) -> dict[str, Any]:
        """Return what was learnt, as JSON values."""
        ...


def to_float32(values: NDArray[Any]) -> Matrix:
    """Convert numbers [N] or [N, k] to a float32 copy; what float32 cannot hold counts as missing, NaN.

    Raises: BadCell for an infinity of float64, which ingesting refuses too; of float32 it may be what was too
        large for it.
    """
    block: Matrix
    if values.dtype == np.float32:
        block = np.array(values, order="C")
    else:
        with np.errstate(over="ignore", invalid="ignore"):
            block = np.array(values, dtype=np.float32, order="C")
    if not np.isfinite(block).all():
        if values.dtype == np.float64 and np.isinf(values).any():
            place = tuple(np.argwhere(np.isinf(values))[0])
            raise BadCell(int(place[0]), describe(float(values[place])), "a finite number or null")
        block[np.isinf(block)] = np.nan
    return block


@dataclass(frozen=True)
class Number:
    """One column with the number itself; missing and beyond float32 is NaN, imputed inside the model."""

    method: ClassVar[str] = "number"

    @property
    def width(self) -> int:
        """One."""
        return 1

    def encode(self, values: Values) -> Matrix:
        """Return [N, 1]; booleans count as 0 and 1."""
        array = np.asarray(values) if isinstance(values, np.ndarray) else _quick(values)
        if array is None or array.ndim != 1 or array.dtype.kind not in _NUMERIC + "b":
            array = np.array([_number(row, value) for row, value in enumerate(values)], dtype=np.float64)
        return to_float32(array).reshape(-1, 1)

    def params(self) -> dict[str, Any]:
        """Nothing is learnt."""
        return {}


@dataclass(frozen=True)
class CentredNumber:
    """A number whose digits float32 would lose: its distance from the middle, taken in float64."""

    method: ClassVar[str] = "centred_number"
    scale: Scale

    @property
    def width(self) -> int:
        """One."""
        return 1

    def encode(self, values: Values) -> Matrix:
        """Return [N, 1]."""
        array = np.asarray(values) if isinstance(values, np.ndarray) else _quick(values)
        # Of unsigned numbers and of a mixture some would be rounded before they are centred.
        if array is None or array.ndim != 1 or array.dtype.kind not in "fib":
            array = np.array([self._one(row, value) for row, value in enumerate(values)], dtype=np.float64)
            return to_float32(array).reshape(-1, 1)
        scaled = self.scale.apply(array.astype(np.int64) if array.dtype.kind in "ib" else array)
        try:
            return to_float32(scaled).reshape(-1, 1)
        except BadCell:
            to_float32(array)  # raises for an infinity that was given
        scaled[np.isinf(scaled)] = np.nan  # a number so far from the middle that no float holds its distance
        return to_float32(scaled).reshape(-1, 1)

    def _one(self, row: int, value: Any) -> float:
        if isinstance(value, np.integer | np.bool_):
            value = int(value)
        if isinstance(value, int):
            try:
                return self.scale.apply_one(value)
            except OverflowError:
                return math.nan
        return float(self.scale.apply(np.array(_number(row, value))))

    def params(self) -> dict[str, Any]:
        """Return the middle and the unit."""
        return self.scale.to_json()


def _quick(values: Sequence[Any]) -> NDArray[Any] | None:
    try:
        return np.array(values)
    except (ValueError, OverflowError):
        return None


def _number(row: int, value: object) -> float:
    if is_missing(value):
        return math.nan
    if isinstance(value, int | float | np.number | np.bool_):
        try:
            return float(value)
        except OverflowError:
            return math.nan
    raise BadCell(row, describe(value), "a number or null")


@dataclass(frozen=True)
class Boolean:
    """One column of 0 and 1; missing is NaN."""

    method: ClassVar[str] = "boolean"
    expected: ClassVar[str] = "true, false or null"

    @property
    def width(self) -> int:
        """One."""
        return 1

    def encode(self, values: Values) -> Matrix:
        """Return [N, 1]."""
        block = np.empty((len(values), 1), dtype=np.float32)
        for row, value in enumerate(values):
            if is_missing(value):
                block[row, 0] = np.nan
            elif isinstance(value, int | float | np.number | np.bool_) and value in (0, 1):
                block[row, 0] = float(value)
            else:
                raise BadCell(row, describe(value), self.expected)
        return block

    def params(self) -> dict[str, Any]:
        """Nothing is learnt."""
        return {}


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
