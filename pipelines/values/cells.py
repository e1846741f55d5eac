"""What reading a column is made of: masks of bad cells, words for missing, and reading values one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.values.form import PLAIN, Form
from pipelines.values.missing import LABELS, MISSING, NO_CATEGORY
from pipelines.values.reading import EXACT_FLOAT, NotRead, read_value
from pipelines.values.timestamps import TIMESTAMP

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
_MISSING = pa.array(sorted(MISSING))
_NO_CATEGORY = pa.array(sorted(NO_CATEGORY))
_NO_TEXT = pa.scalar(None, pa.string())


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


def no_bad(array: pa.Array) -> Mask:
    return np.zeros(len(array), dtype=bool)


def lost(before: pa.Array, after: pa.Array) -> Mask:
    """Mark what was a value and is none any more."""
    if after.null_count == before.null_count:
        return no_bad(after)
    return to_mask(pc.and_(before.is_valid(), after.is_null()))


def whole_numbers(numbers: pa.Array) -> pa.Array:
    fits = pc.and_(pc.equal(pc.floor(numbers), numbers), pc.less(pc.abs(numbers), float(EXACT_FLOAT)))
    return pc.if_else(fits, numbers, pa.scalar(None, pa.float64())).cast(pa.int64())


def with_the_rest(raw: pa.Array, values: pa.Array, kind: str, form: Form) -> Read:
    """Read one by one what no fast way could read, each distinct value once."""
    left = lost(raw, values)
    if not left.any():
        return values, left
    where = pa.array(left)
    unique = raw.filter(where).dictionary_encode()
    read = [read_one(value, kind, form) for value in unique.dictionary.to_pylist()]
    found = pa.array(read, values.type).take(unique.indices)
    values = pc.replace_with_mask(values, where, found)
    return values, lost(raw, values)


def read_one(value: Any, kind: str, form: Form) -> Any:
    try:
        return read_value(value, kind, form)
    except NotRead:
        return None
