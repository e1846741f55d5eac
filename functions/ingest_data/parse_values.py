"""Parses the values of a column of a file as the column's type, and says which of them are not of it.

The whole column is cast at once; only when Arrow refuses it are its values tried rule by rule.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from functions.ingest_data.rows import Mask
from functions.ingest_data.schema import Column
from functions.ingest_data.timestamps import TIMESTAMP, UNIX, from_epoch, parse_iso, within_calendar
from pipelines.encoding.columns import label_of
from pipelines.spec import Kind

ARROW_TYPES = {
    Kind.NUMBER: pa.float64(),
    Kind.INTEGER: pa.int64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.CATEGORY: pa.string(),
    Kind.TEXT: pa.string(),
    Kind.DATETIME: TIMESTAMP,
}
MISSING_VALUES = pa.array(["", "NA", "N/A", "n/a", "NaN", "nan", "NAN", "null", "NULL", "None", "-", "?"])
NUMBER = r"^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$"
INTEGER = r"^[-+]?[0-9]{1,18}$"
_LONG_INTEGER = r"^[-+]?[0-9]{19}$"
_INFINITE = r"(?i)^[-+]?(inf|infinity)$"
_TRUE = pa.array(["true", "t", "yes", "y", "1", "1.0"])
_FALSE = pa.array(["false", "f", "no", "n", "0", "0.0"])
_EXACT_FLOAT = float(2**53)

Parsed = tuple[pa.Array, Mask]
"""The column as its kind's type (bad cells null) and the mask of cells that could not be turned."""

PROBLEMS = {
    Kind.NUMBER: "not a number",
    Kind.INTEGER: "not a whole number",
    Kind.BOOLEAN: "not true or false",
    Kind.CATEGORY: "not a plain value",
    Kind.TEXT: "not a plain value",
    Kind.DATETIME: "not a date or time",
}


def parse_values(array: pa.Array, column: Column) -> Parsed:
    """Turn an array, of text or of any plain type, into the column's kind."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), ARROW_TYPES[column.kind]), np.zeros(len(array), dtype=bool)
    if pa.types.is_large_string(array.type) or pa.types.is_string_view(array.type):
        array = array.cast(pa.string())
    if pa.types.is_float16(array.type):
        array = array.cast(pa.float32())  # few of Arrow's functions take half floats
    reader = _FROM_TEXT if pa.types.is_string(array.type) else _FROM_TYPED
    return reader[column.kind](array, column)


def plain(type_: pa.DataType) -> bool:
    """Say whether a column of this Arrow type holds plain values."""
    if pa.types.is_dictionary(type_):
        return plain(type_.value_type)
    types = pa.types
    numbers = (types.is_boolean, types.is_integer, types.is_floating, types.is_decimal)
    texts = (types.is_null, types.is_string, types.is_large_string, types.is_string_view)
    tests = (*numbers, *texts, types.is_date, types.is_timestamp)
    return any(test(type_) for test in tests)


def _no_bad(array: pa.Array) -> Mask:
    return np.zeros(len(array), dtype=bool)


def _lost(before: pa.Array, after: pa.Array) -> Mask:
    """Mark what was a value and is none any more."""
    if after.null_count == before.null_count:
        return _no_bad(after)
    return to_mask(pc.and_(before.is_valid(), after.is_null()))


def to_mask(array: pa.Array) -> Mask:
    """Return a boolean array as a numpy mask; null is False."""
    filled = pc.fill_null(array, False) if array.null_count else array
    found: Mask = filled.to_numpy(zero_copy_only=False)
    return found


def trimmed(array: pa.Array) -> pa.Array:
    """Trim spaces, and take the words for "missing" as missing; for all kinds but category and text."""
    text = pc.utf8_trim_whitespace(array)
    return pc.if_else(pc.is_in(text, value_set=MISSING_VALUES), pa.scalar(None, pa.string()), text)


def _number(array: pa.Array, column: Column) -> Parsed:
    try:
        return _without_missing_words(array, array.cast(pa.float64()))
    except pa.ArrowInvalid:
        pass
    text = trimmed(array)
    fits = pc.or_(pc.match_substring_regex(text, NUMBER), pc.match_substring_regex(text, _INFINITE))
    values = pc.if_else(fits, text, pa.scalar(None, pa.string())).cast(pa.float64())
    return values, _lost(text, values)


def _without_missing_words(text: pa.Array, values: pa.Array) -> Parsed:
    """Judge by the rules what Arrow reads as NaN: a word for "missing", or no number."""
    nan = to_mask(pc.is_nan(values))
    bad = _no_bad(values)
    if nan.any():
        where = pa.array(nan)
        bad[nan] = to_mask(trimmed(text.filter(where)).is_valid())
        values = pc.if_else(where, pa.scalar(None, pa.float64()), values)
    return values, bad


def without_nan(values: pa.Array) -> pa.Array:
    """Take NaN as missing."""
    nan = pc.is_nan(values)
    return pc.if_else(nan, pa.scalar(None, values.type), values) if pc.any(nan).as_py() else values


def _integer(array: pa.Array, column: Column) -> Parsed:
    if not _has_letters(array):  # Arrow reads 0x1A
        try:
            return array.cast(pa.int64()), _no_bad(array)
        except pa.ArrowInvalid:
            pass
    text = trimmed(array)
    numbers, bad = _number(text, column)
    whole = pc.and_(pc.equal(pc.floor(numbers), numbers), pc.less(pc.abs(numbers), _EXACT_FLOAT))
    from_float = pc.if_else(whole, numbers, pa.scalar(None, pa.float64())).cast(pa.int64())
    exact = pc.match_substring_regex(text, INTEGER)
    digits = pc.replace_substring_regex(text, r"^\+", "")
    values = pc.if_else(
        pc.fill_null(exact, False),
        pc.if_else(exact, digits, pa.scalar(None, pa.string())).cast(pa.int64()),
        from_float,
    )
    values = _with_long_integers(values, text)
    return values, bad | _lost(numbers, values)


def _has_letters(array: pa.Array) -> bool:
    _, offsets, data = array.buffers()
    if data is None or not len(array):
        return False
    ends = np.frombuffer(offsets, dtype=np.int32)[array.offset : array.offset + len(array) + 1]
    octets = np.frombuffer(data, dtype=np.uint8)[ends[0] : ends[-1]]
    return bool(octets.size and octets.max() > ord("9"))


def _with_long_integers(values: pa.Array, text: pa.Array) -> pa.Array:
    """Fill in the whole numbers of 19 digits, some of which are beyond 64 bits."""
    long = to_mask(pc.match_substring_regex(text, _LONG_INTEGER))
    if not long.any():
        return values
    numbers = [int(value) for value in text.filter(pa.array(long)).to_pylist()]
    fitting = pa.array([number if -(2**63) <= number < 2**63 else None for number in numbers], pa.int64())
    return pc.replace_with_mask(values, pa.array(long), fitting)


def _boolean(array: pa.Array, column: Column) -> Parsed:
    text = pc.utf8_lower(trimmed(array))
    true = pc.is_in(text, value_set=_TRUE)
    known = pc.or_(true, pc.is_in(text, value_set=_FALSE))
    values = pc.if_else(known, true, pa.scalar(None, pa.bool_()))
    return values, _lost(text, values)


def _text(array: pa.Array, column: Column) -> Parsed:
    if array.null_count < len(array) and pc.any(pc.equal(array, "")).as_py():
        array = pc.if_else(pc.equal(array, ""), pa.scalar(None, pa.string()), array)
    return array, _no_bad(array)


def _datetime(array: pa.Array, column: Column) -> Parsed:
    if column.format in UNIX:
        numbers, bad = _number(array, column)
        times = from_epoch(numbers, column.format)
        return times, bad | _lost(numbers, times)
    if column.format is not None:
        text = trimmed(array)
        found = pc.strptime(text, format=column.format, unit="us", error_is_null=True).cast(TIMESTAMP)
        times = within_calendar(found)
        return times, _lost(text, times)
    for type_ in (pa.timestamp("us"), TIMESTAMP):
        try:
            found = array.cast(type_).cast(TIMESTAMP)
        except pa.ArrowInvalid:
            continue
        times = within_calendar(found)
        return times, _lost(found, times)
    text = trimmed(array)
    unique = text.dictionary_encode()
    times = pa.array([parse_iso(value) for value in unique.dictionary.to_pylist()], TIMESTAMP)
    values = times.take(unique.indices)
    return values, _lost(text, values)


def _typed_number(array: pa.Array, column: Column) -> Parsed:
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.int8())
    if pa.types.is_date(array.type) or pa.types.is_timestamp(array.type):
        return pa.nulls(len(array), pa.float64()), to_mask(array.is_valid())
    return without_nan(array.cast(pa.float64(), safe=False)), _no_bad(array)


def _typed_integer(array: pa.Array, column: Column) -> Parsed:
    if pa.types.is_integer(array.type) or pa.types.is_boolean(array.type):
        try:
            return array.cast(pa.int64()), _no_bad(array)
        except pa.ArrowInvalid:  # unsigned beyond the signed range
            fits = pc.less_equal(array, pa.scalar(2**63 - 1, pa.uint64()))
            values = pc.if_else(fits, array, pa.scalar(None, array.type)).cast(pa.int64())
            return values, _lost(array, values)
    numbers, bad = _typed_number(array, column)
    whole = pc.and_(pc.equal(pc.floor(numbers), numbers), pc.less(pc.abs(numbers), _EXACT_FLOAT))
    values = pc.if_else(whole, numbers, pa.scalar(None, pa.float64())).cast(pa.int64())
    return values, bad | _lost(numbers, values)


def _typed_boolean(array: pa.Array, column: Column) -> Parsed:
    if pa.types.is_boolean(array.type):
        return array, _no_bad(array)
    numbers, bad = _typed_number(array, column)
    known = pc.or_(pc.equal(numbers, 0), pc.equal(numbers, 1))
    values = pc.if_else(known, pc.equal(numbers, 1), pa.scalar(None, pa.bool_()))
    return values, bad | _lost(numbers, values)


def _typed_text(array: pa.Array, column: Column) -> Parsed:
    if not pa.types.is_floating(array.type):
        return array.cast(pa.string()), _no_bad(array)
    unique = without_nan(array).dictionary_encode()
    short = unique.dictionary.cast(pa.string()) if pa.types.is_float32(array.type) else unique.dictionary
    labels = [label_of(0, float(value)) for value in short.to_pylist()]  # as a request's are written
    return pa.array(labels, pa.string()).take(unique.indices), _no_bad(array)


def _typed_datetime(array: pa.Array, column: Column) -> Parsed:
    if pa.types.is_date(array.type):
        inside = within_calendar(array)
        return inside.cast(pa.timestamp("us")).cast(TIMESTAMP), _lost(array, inside)
    if pa.types.is_timestamp(array.type):
        inside = within_calendar(array)
        values = inside.cast(pa.timestamp("us", tz=array.type.tz), safe=False).cast(TIMESTAMP)
        return values, _lost(array, values)
    if column.format in UNIX:
        numbers = _typed_number(array, column)[0]
        times = from_epoch(numbers, column.format)
        return times, _lost(numbers, times)
    return pa.nulls(len(array), TIMESTAMP), to_mask(array.is_valid())


_Reader = Callable[[pa.Array, Column], Parsed]
_FROM_TEXT: dict[Kind, _Reader] = {
    Kind.NUMBER: _number,
    Kind.INTEGER: _integer,
    Kind.BOOLEAN: _boolean,
    Kind.CATEGORY: _text,
    Kind.TEXT: _text,
    Kind.DATETIME: _datetime,
}
_FROM_TYPED: dict[Kind, _Reader] = {
    Kind.NUMBER: _typed_number,
    Kind.INTEGER: _typed_integer,
    Kind.BOOLEAN: _typed_boolean,
    Kind.CATEGORY: _typed_text,
    Kind.TEXT: _typed_text,
    Kind.DATETIME: _typed_datetime,
}
