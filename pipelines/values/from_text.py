"""Reads a column of text as values of each kind: cast at once, by the rules only where Arrow refuses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.values.cells import Read, lost, no_bad, to_mask, trimmed, whole_numbers, with_the_rest
from pipelines.values.form import Form
from pipelines.values.reading import FALSE, TRUE, UNIX
from pipelines.values.timestamps import TIMESTAMP, from_epoch, within_calendar
from pipelines.values.written_arrays import full, plain_numbers
from pipelines.values.written_dates import parse

_SHORT_INTEGER = "[-+]?[0-9]{1,18}"
_LONG_INTEGER = "[-+]?0*[0-9]{19}"
_TRUE = pa.array(sorted(TRUE | {"1", "1.0"}))
_FALSE = pa.array(sorted(FALSE | {"0", "0.0"}))
_NO_TEXT = pa.scalar(None, pa.string())


def _number(array: pa.Array, kind: str, form: Form) -> Read:
    pointed = array if form.decimal == "." else _with_points(array)
    if pointed is not None:
        try:
            return _without_missing_words(array, pointed.cast(pa.float64()), form)
        except pa.ArrowInvalid:
            pass
    text = trimmed(array, form)
    values = plain_numbers(text, form).cast(pa.float64())
    return values, lost(text, values)


def _with_points(array: pa.Array) -> pa.Array | None:
    """Write decimal commas as points; None where a point stands already, as it may separate thousands."""
    has_points = pc.any(pc.match_substring(array, ".")).as_py()
    return None if has_points else pc.replace_substring(array, ",", ".")


def _without_missing_words(text: pa.Array, values: pa.Array, form: Form) -> Read:
    """Judge by the rules what Arrow reads as NaN: a word for "missing", or no number."""
    nan = to_mask(pc.is_nan(values))
    bad = no_bad(values)
    if nan.any():
        where = pa.array(nan)
        bad[nan] = to_mask(trimmed(text.filter(where), form).is_valid())
        values = pc.if_else(where, pa.scalar(None, pa.float64()), values)
    return values, bad


def _integer(array: pa.Array, kind: str, form: Form) -> Read:
    if not _has_letters(array):  # Arrow reads 0x1A
        try:
            return array.cast(pa.int64()), no_bad(array)
        except pa.ArrowInvalid:
            pass
    text = trimmed(array, form)
    written = plain_numbers(text, form)
    numbers = written.cast(pa.float64())
    from_float = whole_numbers(numbers)
    exact = full(written, _SHORT_INTEGER)
    digits = pc.replace_substring_regex(written, r"^\+", "")
    values = pc.if_else(
        pc.fill_null(exact, False), pc.if_else(exact, digits, _NO_TEXT).cast(pa.int64()), from_float
    )
    values = _with_long_integers(values, written)
    return values, lost(text, values)


def _has_letters(array: pa.Array) -> bool:
    _, offsets, data = array.buffers()
    if data is None or not len(array):
        return False
    ends = np.frombuffer(offsets, dtype=np.int32)[array.offset : array.offset + len(array) + 1]
    octets = np.frombuffer(data, dtype=np.uint8)[ends[0] : ends[-1]]
    return bool(octets.size and octets.max() > ord("9"))


def _with_long_integers(values: pa.Array, text: pa.Array) -> pa.Array:
    """Fill in the whole numbers of 19 digits, some of which are beyond 64 bits."""
    long = to_mask(full(text, _LONG_INTEGER))
    if not long.any():
        return values
    numbers = [int(value) for value in text.filter(pa.array(long)).to_pylist()]
    fitting = pa.array([number if -(2**63) <= number < 2**63 else None for number in numbers], pa.int64())
    return pc.replace_with_mask(values, pa.array(long), fitting)


def _boolean(array: pa.Array, kind: str, form: Form) -> Read:
    text = trimmed(array, form)
    word = pc.utf8_lower(text)
    true = pc.is_in(word, value_set=_TRUE)
    known = pc.or_(true, pc.is_in(word, value_set=_FALSE))
    values = pc.if_else(known, true, pa.scalar(None, pa.bool_()))
    return values, lost(text, values)


def _text(array: pa.Array, kind: str, form: Form) -> Read:
    return trimmed(array, form, kind), no_bad(array)


def _datetime(array: pa.Array, kind: str, form: Form) -> Read:
    if form.format is None:
        for type_ in (pa.timestamp("us"), TIMESTAMP):
            try:
                found = array.cast(type_).cast(TIMESTAMP)
            except pa.ArrowInvalid:
                continue
            times = within_calendar(found)
            return times, lost(found, times)
    text = trimmed(array, form)
    if form.format is None:
        times = pa.nulls(len(text), TIMESTAMP)
    elif form.format in UNIX:
        times = from_epoch(plain_numbers(text, form).cast(pa.float64()), form.format)
    else:
        times = within_calendar(parse(text, form.format).cast(TIMESTAMP))
    return with_the_rest(text, times, kind, form)


Reader = Callable[[pa.Array, str, Form], Read]
FROM_TEXT: dict[str, Reader] = {
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "category": _text,
    "text": _text,
    "datetime": _datetime,
}
