"""Dates and times: read from what people send, split into parts a model can use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pipelines.encoding.columns import Matrix, Values, is_missing
from pipelines.encoding.errors import BadCell, describe

Seconds = NDArray[np.float64]
_DAY_S = 86_400.0
_YEAR_S = 365.2425 * _DAY_S
# Epoch numbers from these on are nano-, micro-, milliseconds: seconds stay below until the year 5138.
_EPOCH_UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
EXPECTED = "an ISO 8601 date or time, seconds since 1970, or null"

DAYS = "days"
PARTS: dict[str, Callable[[Seconds], Seconds]] = {
    DAYS: lambda s: s / _DAY_S,
    "year_sin": lambda s: np.sin(2 * np.pi * s / _YEAR_S),
    "year_cos": lambda s: np.cos(2 * np.pi * s / _YEAR_S),
    "weekday": lambda s: (np.floor(s / _DAY_S) + 3) % 7,
    "hour": lambda s: np.floor(s % _DAY_S / 3600),
}


@dataclass(frozen=True)
class Datetime:
    """A column per part of the time (UTC when no zone is given); missing is NaN in each."""

    method: ClassVar[str] = "datetime"
    parts: tuple[str, ...]

    @property
    def width(self) -> int:
        """One per part."""
        return len(self.parts)

    def encode(self, values: Values) -> Matrix:
        """Return [N, parts]."""
        return _columns(to_seconds(values), self.parts, 0.0)

    def params(self) -> dict[str, Any]:
        """Return the parts in column order."""
        return {"parts": list(self.parts)}


@dataclass(frozen=True)
class DatetimeSince:
    """The same with days since `origin`, in seconds since 1970: float32 would lose what differs."""

    method: ClassVar[str] = "datetime_since"
    parts: tuple[str, ...]
    origin: float

    @property
    def width(self) -> int:
        """One per part."""
        return len(self.parts)

    def encode(self, values: Values) -> Matrix:
        """Return [N, parts]."""
        return _columns(to_seconds(values), self.parts, self.origin)

    def params(self) -> dict[str, Any]:
        """Return the parts in column order, and the origin."""
        return {"parts": list(self.parts), "origin": self.origin}


def _columns(seconds: Seconds, parts: tuple[str, ...], origin: float) -> Matrix:
    columns = [PARTS[part](seconds - origin if part == DAYS else seconds) for part in parts]
    return np.stack(columns, axis=1).astype(np.float32)


def to_seconds(values: Values) -> Seconds:
    """Return seconds since 1970 (UTC) of N times [N]; missing is NaN.

    Raises: BadCell at the first value that is no time.
    """
    if isinstance(values, np.ndarray) and values.dtype.kind == "M":
        whole = values.astype("datetime64[us]").astype(np.int64).astype(np.float64) / 1e6
        return np.where(np.isnat(values), np.nan, whole)
    return np.array([_seconds(row, value) for row, value in enumerate(values)], dtype=np.float64)


def _seconds(row: int, value: object) -> float:
    if is_missing(value):
        return float("nan")
    try:
        return _read(value)
    except (ValueError, OverflowError, TypeError) as error:
        raise BadCell(row, describe(value), EXPECTED) from error


def _read(value: Any) -> float:
    if isinstance(value, str):
        value = datetime.fromisoformat(value.strip())
    if isinstance(value, np.datetime64):
        return float(value.astype("datetime64[us]").astype(np.int64)) / 1e6
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp()
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise TypeError(value)
    return _epoch(float(value))


def _epoch(number: float) -> float:
    if not np.isfinite(number):
        raise ValueError(number)
    for above, unit in _EPOCH_UNITS:
        if abs(number) >= above:
            return number / unit
    return number
