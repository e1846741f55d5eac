"""Dates and times: read from what people send, split into parts a model can use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pipelines.encoding.columns import Matrix, Values
from pipelines.encoding.errors import BadCell, describe
from pipelines.values.form import PLAIN, Form
from pipelines.values.reading import EPOCH, NotRead, read_time

Seconds = NDArray[np.float64]
_DAY_S = 86_400.0
_YEAR_S = 365.2425 * _DAY_S

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


def to_seconds(values: Values, form: Form = PLAIN) -> Seconds:
    """Return seconds since 1970 (UTC) of N times [N]; missing is NaN.

    Raises: BadCell at the first value that is no time.
    """
    if isinstance(values, np.ndarray) and values.dtype.kind == "M":
        whole = values.astype("datetime64[us]").astype(np.int64).astype(np.float64) / 1e6
        return np.where(np.isnat(values), np.nan, whole)
    return np.array([_seconds(row, value, form) for row, value in enumerate(values)], dtype=np.float64)


def to_datetimes(values: Values, form: Form) -> NDArray[np.datetime64]:
    """Return N times [N] as datetime64, missing as NaT. Raises: BadCell as `to_seconds`."""
    if isinstance(values, np.ndarray) and values.dtype.kind == "M":
        return values
    micros = np.round(to_seconds(values, form) * 1e6)
    unknown = np.isnan(micros)
    times = np.where(unknown, 0, micros).astype(np.int64).view("datetime64[us]")
    times[unknown] = np.datetime64("NaT")
    return times


def _seconds(row: int, value: Any, form: Form) -> float:
    try:
        time = read_time(value, form)
    except NotRead as error:
        raise BadCell(row, describe(value), expected(form)) from error
    return float("nan") if time is None else (time - EPOCH).total_seconds()


def expected(form: Form) -> str:
    """Say how a time is written, for an error."""
    written = "an ISO 8601 date or time" if form.format is None else f"a date or time as in {form.format}"
    return f"{written}, seconds since 1970, or null"
