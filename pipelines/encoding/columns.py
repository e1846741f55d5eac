"""Encoders of numbers and booleans: one column of raw values in, a float32 block out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from pipelines.encoding.errors import BadCell, describe
from pipelines.encoding.scales import Scale
from pipelines.values.reading import is_missing

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
    """Convert numbers [N] or [N, k] to a float32 copy; a number beyond float32 counts as missing, NaN.

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
