"""Reads a whole Arrow column as the values of its kind, and says which of them are not of it.

The result is that of `reading.read_value` for each value. The column is cast at once; only what Arrow refuses
is read by the rules.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipelines.values.cells import ARROW_TYPES, Mask, Read, to_mask, trimmed
from pipelines.values.form import PLAIN, Form
from pipelines.values.from_text import FROM_TEXT
from pipelines.values.from_typed import FROM_TYPED

__all__ = ["ARROW_TYPES", "Mask", "Read", "plain", "read_array", "to_mask", "trimmed"]


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
    reader = FROM_TEXT if pa.types.is_string(array.type) else FROM_TYPED
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
