"""Arrow timestamps as microseconds in UTC, within the years 1 to 9999: few calendars know others."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.values.reading import UNIX

TIMESTAMP = pa.timestamp("us", tz="UTC")
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_FIRST_DAY, _END_DAY = -719_162, 2_932_897
_DAY_S = 86_400


def from_epoch(numbers: pa.Array, format_: str) -> pa.Array:
    """Read floats that count since 1970 in the unit of a format of `UNIX`; those outside are missing."""
    per_second = UNIX[format_]
    inside = _within(numbers, numbers, _DAY_S * per_second)
    micros = pc.round(pc.multiply(inside, 1_000_000.0 / per_second))
    return micros.cast(pa.int64()).cast(TIMESTAMP)


def within_calendar(array: pa.Array) -> pa.Array:
    """Take dates and timestamps outside the calendar as missing."""
    if pa.types.is_date32(array.type):
        return _within(array, array.cast(pa.int32()), 1)
    per_second = 1_000 if pa.types.is_date64(array.type) else _PER_SECOND[array.type.unit]
    return _within(array, array.cast(pa.int64()), _DAY_S * per_second)


def _within(array: pa.Array, ticks: pa.Array, per_day: int) -> pa.Array:
    bounds = [max(-(2**63), min(day * per_day, 2**63 - 1)) for day in (_FIRST_DAY, _END_DAY)]
    first, end = (pa.scalar(bound, ticks.type) for bound in bounds)  # nanoseconds end sooner
    fits = pc.and_(pc.greater_equal(ticks, first), pc.less(ticks, end))
    if pc.all(fits).as_py() is not False:
        return array
    return pc.if_else(fits, array, pa.scalar(None, array.type))
