"""Tests of tensors, read and written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.serve_model import tensors
from functions.serve_model.errors import BadRequest

NUMBERS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
)


@settings(deadline=None, max_examples=150)
@given(st.lists(NUMBERS, max_size=20))
def test_packing_equals_numpys_conversion(values: list[Any]) -> None:
    exact = np.array([np.nan if value is None else float(value) for value in values])
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(tensors.pack(values, "x").astype(np.float32), exact.astype(np.float32))
    np.testing.assert_array_equal(tensors.pack(values, "x", exact=True), exact)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.one_of(st.text(), st.lists(st.integers()), st.dictionaries(st.text(), st.none())), min_size=1)
)
def test_packing_refuses_what_is_no_number(values: list[Any]) -> None:
    with pytest.raises(BadRequest, match="expected a number or null"):
        tensors.pack(values, "x")


def test_a_whole_number_beyond_any_float_counts_as_not_known() -> None:
    assert np.isnan(tensors.pack([10**400, -(10**400)], "x")).all()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=3))
def test_nested_lists_flatten_in_row_major_order(shape: list[int]) -> None:
    array = np.arange(np.prod(shape)).reshape(shape)

    assert list(tensors.flatten(array.tolist(), tuple(shape), "x")) == array.ravel().tolist()


@settings(deadline=None, max_examples=100)
@given(st.lists(st.text(max_size=8), max_size=6))
def test_texts_survive_the_binary_form(texts: list[str]) -> None:
    raw = memoryview(tensors.to_binary(texts))

    assert tensors.from_binary(raw, "BYTES", (len(texts),), "x") == texts


@pytest.mark.parametrize("datatype", tensors.NUMPY_TYPES)
def test_numbers_survive_the_binary_form(datatype: str) -> None:
    array = np.array([[0, 1], [1, 0]], dtype=tensors.NUMPY_TYPES[datatype])

    found = tensors.from_binary(memoryview(tensors.to_binary(array)), datatype, (2, 2), "x")

    np.testing.assert_array_equal(np.asarray(found).reshape(2, 2), array)


@settings(deadline=None, max_examples=150)
@given(raw=st.binary(max_size=40), count=st.integers(0, 5))
def test_any_bytes_are_read_as_texts_or_refused(raw: bytes, count: int) -> None:
    try:
        texts = tensors.from_binary(memoryview(raw), "BYTES", (count,), "x")
    except BadRequest:
        return
    assert tensors.to_binary(texts) == raw
