"""Reads a whole Arrow column as the values of its kind, and says which of them are not of it.

The result is that of `reading.read_value` for each value. The column is cast at once; only what Arrow refuses
is read by the rules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.values.form import PLAIN, Form
from pipelines.values.missing import LABELS, MISSING, NO_CATEGORY
from pipelines.values.reading import EXACT_FLOAT, FALSE, TRUE, UNIX, NotRead, read_value
from pipelines.values.timestamps import TIMESTAMP, from_epoch, within_calendar
from pipelines.values.written_arrays import full, plain_numbers

Mask = npt.NDArray[np.bool_]
Read = tuple[pa.Array, Mask]
"""The column as its kind's type (bad cells null) and the mask of cells that are not of it."""

ARROW_TYPES: dict[str, pa.DataType] = {
    "number": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "category": pa.string(),
    "text": pa.string(),
    "datetime": TIMESTAMP,
}
_SHORT_INTEGER = "[-+]?[0-9]{1,18}"
_LONG_INTEGER = "[-+]?0*[0-9]{19}"
_TRUE = pa.array(sorted(TRUE | {"1", "1.0"}))
_FALSE = pa.array(sorted(FALSE | {"0", "0.0"}))
_MISSING = pa.array(sorted(MISSING))
_NO_CATEGORY = pa.array(sorted(NO_CATEGORY))
_NO_TEXT = pa.scalar(None, pa.string())
_FIRST_FULL_YEAR = pa.scalar(-30_610_224_000_000_000, pa.int64())  # 1000: years of fewer digits are cut short


def read_array(array: pa.Array, kind: str, form: Form = PLAIN) -> Read:
    """Read an array, of text or of any plain type, as values of a kind."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), ARROW_TYPES[kind]), np.zeros(len(array), dtype=bool)
    if pa.types.is_large_string(array.type) or pa.types.is_string_view(array.type):
        array = array.cast(pa.string())
    if pa.types.is_float16(array.type):
        array = array.cast(pa.float32())  # few of Arrow's functions take half floats
    reader = _FROM_TEXT if pa.types.is_string(array.type) else _FROM_TYPED
    return reader[kind](array, kind, form)


def plain(type_: pa.DataType) -> bool:
    """Say whether a column of this Arrow type holds plain values."""
    if pa.types.is_dictionary(type_):
        return plain(type_.value_type)
    types = pa.types
    numbers = (types.is_boolean, types.is_integer, types.is_floating, types.is_decimal)
    texts = (types.is_null, types.is_string, types.is_large_string, types.is_string_view)
    tests = (*numbers, *texts, types.is_date, types.is_timestamp)
    return any(test(type_) for test in tests)


def trimmed(array: pa.Array, form: Form = PLAIN, kind: str = "number") -> pa.Array:
    """Trim texts, and take those that mean "not known" as null."""
    text = pc.utf8_trim_whitespace(array)
    if form.missing is not None:
        known, words = text, pa.array(["", *form.missing])
    elif kind in LABELS:
        known, words = text, _NO_CATEGORY
    else:
        known, words = pc.utf8_lower(text), _MISSING
    missing = pc.is_in(known, value_set=words)
    return pc.if_else(missing, _NO_TEXT, text) if pc.any(missing).as_py() else text


def to_mask(array: pa.Array) -> Mask:
    """Return a boolean array as a numpy mask; null is False."""
    filled = pc.fill_null(array, False) if array.null_count else array
    found: Mask = filled.to_numpy(zero_copy_only=False)
    return found


def without_nan(values: pa.Array) -> pa.Array:
    """Take NaN as missing."""
    nan = pc.is_nan(values)
    return pc.if_else(nan, pa.scalar(None, values.type), values) if pc.any(nan).as_py() else values


def _no_bad(array: pa.Array) -> Mask:
    return np.zeros(len(array), dtype=bool)


def _lost(before: pa.Array, after: pa.Array) -> Mask:
    """Mark what was a value and is none any more."""
    if after.null_count == before.null_count:
        return _no_bad(after)
    return to_mask(pc.and_(before.is_valid(), after.is_null()))


def _number(array: pa.Array, kind: str, form: Form) -> Read:
    pointed = array if form.decimal == "." else _with_points(array)
    if pointed is not None:
        try:
            return _without_missing_words(array, pointed.cast(pa.float64()), form)
        except pa.ArrowInvalid:
            pass
    text = trimmed(array, form)
    values = plain_numbers(text, form).cast(pa.float64())
    return values, _lost(text, values)


def _with_points(array: pa.Array) -> pa.Array | None:
    """Write decimal commas as points; None where a point stands already, as it may separate thousands."""
    has_points = pc.any(pc.match_substring(array, ".")).as_py()
    return None if has_points else pc.replace_substring(array, ",", ".")


def _without_missing_words(text: pa.Array, values: pa.Array, form: Form) -> Read:
    """Judge by the rules what Arrow reads as NaN: a word for "missing", or no number."""
    nan = to_mask(pc.is_nan(values))
    bad = _no_bad(values)
    if nan.any():
        where = pa.array(nan)
        bad[nan] = to_mask(trimmed(text.filter(where), form).is_valid())
        values = pc.if_else(where, pa.scalar(None, pa.float64()), values)
    return values, bad


def _integer(array: pa.Array, kind: str, form: Form) -> Read:
    if not _has_letters(array):  # Arrow reads 0x1A
        try:
            return array.cast(pa.int64()), _no_bad(array)
        except pa.ArrowInvalid:
            pass
    text = trimmed(array, form)
    written = plain_numbers(text, form)
    numbers = written.cast(pa.float64())
    from_float = _whole(numbers)
    exact = full(written, _SHORT_INTEGER)
    digits = pc.replace_substring_regex(written, r"^\+", "")
    values = pc.if_else(
        pc.fill_null(exact, False), pc.if_else(exact, digits, _NO_TEXT).cast(pa.int64()), from_float
    )
    values = _with_long_integers(values, written)
    return values, _lost(text, values)


def _whole(numbers: pa.Array) -> pa.Array:
    fits = pc.and_(pc.equal(pc.floor(numbers), numbers), pc.less(pc.abs(numbers), float(EXACT_FLOAT)))
    return pc.if_else(fits, numbers, pa.scalar(None, pa.float64())).cast(pa.int64())


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
    return values, _lost(text, values)


def _text(array: pa.Array, kind: str, form: Form) -> Read:
    return trimmed(array, form, kind), _no_bad(array)


def _datetime(array: pa.Array, kind: str, form: Form) -> Read:
    if form.format is None:
        for type_ in (pa.timestamp("us"), TIMESTAMP):
            try:
                found = array.cast(type_).cast(TIMESTAMP)
            except pa.ArrowInvalid:
                continue
            times = within_calendar(found)
            return times, _lost(found, times)
    text = trimmed(array, form)
    if form.format is None:
        times = pa.nulls(len(text), TIMESTAMP)
    elif form.format in UNIX:
        times = from_epoch(plain_numbers(text, form).cast(pa.float64()), form.format)
    else:
        found = pc.strptime(text, format=form.format, unit="us", error_is_null=True)
        found = pc.if_else(
            pc.greater_equal(found.cast(pa.int64()), _FIRST_FULL_YEAR), found, pa.scalar(None, found.type)
        )
        times = within_calendar(found.cast(TIMESTAMP))
    return _with_the_rest(text, times, kind, form)


def _with_the_rest(raw: pa.Array, values: pa.Array, kind: str, form: Form) -> Read:
    """Read one by one what no fast way could read, each distinct value once."""
    left = _lost(raw, values)
    if not left.any():
        return values, left
    where = pa.array(left)
    unique = raw.filter(where).dictionary_encode()
    read = [_read_one(value, kind, form) for value in unique.dictionary.to_pylist()]
    found = pa.array(read, values.type).take(unique.indices)
    values = pc.replace_with_mask(values, where, found)
    return values, _lost(raw, values)


def _read_one(value: Any, kind: str, form: Form) -> Any:
    try:
        return read_value(value, kind, form)
    except NotRead:
        return None


def _typed_number(array: pa.Array, kind: str, form: Form) -> Read:
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.int8())
    if pa.types.is_date(array.type) or pa.types.is_timestamp(array.type):
        return pa.nulls(len(array), pa.float64()), to_mask(array.is_valid())
    return without_nan(array.cast(pa.float64(), safe=False)), _no_bad(array)


def _typed_integer(array: pa.Array, kind: str, form: Form) -> Read:
    if pa.types.is_boolean(array.type):
        return array.cast(pa.int64()), _no_bad(array)
    if pa.types.is_integer(array.type) or pa.types.is_decimal(array.type):
        try:
            return array.cast(pa.int64()), _no_bad(array)
        except pa.ArrowInvalid:  # some have decimals, or are beyond the signed range
            pass
        return _with_the_rest(array, pa.nulls(len(array), pa.int64()), kind, form)
    numbers, bad = _typed_number(array, kind, form)
    values = _whole(numbers)
    return values, bad | _lost(numbers, values)


def _typed_boolean(array: pa.Array, kind: str, form: Form) -> Read:
    if pa.types.is_boolean(array.type):
        return array, _no_bad(array)
    numbers, bad = _typed_number(array, kind, form)
    known = pc.or_(pc.equal(numbers, 0), pc.equal(numbers, 1))
    values = pc.if_else(known, pc.equal(numbers, 1), pa.scalar(None, pa.bool_()))
    return values, bad | _lost(numbers, values)


def _typed_text(array: pa.Array, kind: str, form: Form) -> Read:
    if not pa.types.is_floating(array.type) and not pa.types.is_decimal(array.type):
        return array.cast(pa.string()), _no_bad(array)
    if pa.types.is_floating(array.type):
        array = without_nan(array)
    unique = array.dictionary_encode()
    short = unique.dictionary.cast(pa.string()) if pa.types.is_float32(array.type) else unique.dictionary
    floats = pa.types.is_floating(array.type)
    raw = (float(value) if floats else value for value in short.to_pylist())
    labels = pa.array([_read_one(value, kind, form) for value in raw], pa.string()).take(unique.indices)
    return labels, _lost(array, labels)


def _typed_datetime(array: pa.Array, kind: str, form: Form) -> Read:
    if pa.types.is_date(array.type):
        inside = within_calendar(array)
        return inside.cast(pa.timestamp("us")).cast(TIMESTAMP), _lost(array, inside)
    if pa.types.is_timestamp(array.type):
        inside = within_calendar(array)
        values = inside.cast(pa.timestamp("us", tz=array.type.tz), safe=False).cast(TIMESTAMP)
        return values, _lost(array, values)
    if pa.types.is_boolean(array.type):
        return pa.nulls(len(array), TIMESTAMP), to_mask(array.is_valid())
    if form.format in UNIX:
        numbers = _typed_number(array, kind, form)[0]
        times = from_epoch(numbers, form.format)
        return times, _lost(numbers, times)
    if pa.types.is_floating(array.type):
        array = without_nan(array)
    return _with_the_rest(array, pa.nulls(len(array), TIMESTAMP), kind, form)


_Reader = Callable[[pa.Array, str, Form], Read]
_FROM_TEXT: dict[str, _Reader] = {
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "category": _text,
    "text": _text,
    "datetime": _datetime,
}
_FROM_TYPED: dict[str, _Reader] = {
    "number": _typed_number,
    "integer": _typed_integer,
    "boolean": _typed_boolean,
    "category": _typed_text,
    "text": _typed_text,
    "datetime": _typed_datetime,
}
