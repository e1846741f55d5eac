"""Reads a column of numbers, booleans, dates or timestamps as values of each kind."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.values.cells import (
    Read,
    lost,
    no_bad,
    read_one,
    to_mask,
    whole_numbers,
    with_the_rest,
    without_nan,
)
from pipelines.values.form import Form
from pipelines.values.reading import UNIX
from pipelines.values.timestamps import TIMESTAMP, from_epoch, within_calendar


def _number(array: pa.Array, kind: str, form: Form) -> Read:
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.int8())
    if pa.types.is_date(array.type) or pa.types.is_timestamp(array.type):
        return pa.nulls(len(array), pa.float64()), to_mask(array.is_valid())
    return without_nan(array.cast(pa.float64(), safe=False)), no_bad(array)


def _integer(array: pa.Array, kind: str, form: Form) -> Read:
    if pa.types.is_boolean(array.type):
        return array.cast(pa.int64()), no_bad(array)
    if pa.types.is_integer(array.type) or pa.types.is_decimal(array.type):
        try:
            return array.cast(pa.int64()), no_bad(array)
        except pa.ArrowInvalid:  # some have decimals, or are beyond the signed range
            pass
        return with_the_rest(array, pa.nulls(len(array), pa.int64()), kind, form)
    numbers, bad = _number(array, kind, form)
    values = whole_numbers(numbers)
    return values, bad | lost(numbers, values)


def _boolean(array: pa.Array, kind: str, form: Form) -> Read:
    if pa.types.is_boolean(array.type):
        return array, no_bad(array)
    numbers, bad = _number(array, kind, form)
    known = pc.or_(pc.equal(numbers, 0), pc.equal(numbers, 1))
    values = pc.if_else(known, pc.equal(numbers, 1), pa.scalar(None, pa.bool_()))
    return values, bad | lost(numbers, values)


def _text(array: pa.Array, kind: str, form: Form) -> Read:
    if not pa.types.is_floating(array.type) and not pa.types.is_decimal(array.type):
        return array.cast(pa.string()), no_bad(array)
    if pa.types.is_floating(array.type):
        array = without_nan(array)
    unique = array.dictionary_encode()
    short = unique.dictionary.cast(pa.string()) if pa.types.is_float32(array.type) else unique.dictionary
    floats = pa.types.is_floating(array.type)
    raw = (float(value) if floats else value for value in short.to_pylist())
    labels = pa.array([read_one(value, kind, form) for value in raw], pa.string()).take(unique.indices)
    return labels, lost(array, labels)


def _datetime(array: pa.Array, kind: str, form: Form) -> Read:
    if pa.types.is_date(array.type):
        inside = within_calendar(array)
        return inside.cast(pa.timestamp("us")).cast(TIMESTAMP), lost(array, inside)
    if pa.types.is_timestamp(array.type):
        inside = within_calendar(array)
        values = inside.cast(pa.timestamp("us", tz=array.type.tz), safe=False).cast(TIMESTAMP)
        return values, lost(array, values)
    if pa.types.is_boolean(array.type):
        return pa.nulls(len(array), TIMESTAMP), to_mask(array.is_valid())
    if form.format in UNIX:
        numbers = _number(array, kind, form)[0]
        times = from_epoch(numbers, form.format)
        return times, lost(numbers, times)
    if pa.types.is_floating(array.type):
        array = without_nan(array)
    return with_the_rest(array, pa.nulls(len(array), TIMESTAMP), kind, form)


Reader = Callable[[pa.Array, str, Form], Read]
FROM_TYPED: dict[str, Reader] = {
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "category": _text,
    "text": _text,
    "datetime": _datetime,
}
