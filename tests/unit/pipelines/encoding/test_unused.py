"""A feature that a model does not read: a request may carry it, or leave it out."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipelines.encoding import Encoding, EncodingError, Feature
from pipelines.encoding.columns import Number
from pipelines.encoding.names import column_names
from pipelines.encoding.unused import Unused
from pipelines.tables import encode_table

ENCODING = Encoding(
    (
        Feature("shop", "category", Unused()),
        Feature("amount", "number", Number()),
        Feature("n", "integer", Unused()),
    )
)


def test_it_may_be_sent_or_left_out_and_makes_no_column() -> None:
    expected = np.array([[1.5], [2.5]], dtype=np.float32)
    whole: dict[str, list[Any]] = {"shop": ["a", None], "amount": [1.5, 2.5], "n": [1, 2]}
    np.testing.assert_array_equal(ENCODING.encode(whole), expected)
    np.testing.assert_array_equal(ENCODING.encode({"amount": [1.5, 2.5]}), expected)
    np.testing.assert_array_equal(encode_table(ENCODING, pa.table(whole)), expected)
    np.testing.assert_array_equal(encode_table(ENCODING, pa.table({"amount": [1.5, 2.5]})), expected)
    assert column_names(ENCODING) == ["amount"]


def test_in_a_matrix_it_has_its_place() -> None:
    numbers = Encoding(ENCODING.features[1:])
    for dtype in (np.float32, np.float64, np.int64):
        matrix = np.array([[1, 7], [2, 8]], dtype=dtype)
        np.testing.assert_array_equal(numbers.encode_matrix(matrix), np.array([[1], [2]], dtype=np.float32))
    with pytest.raises(EncodingError, match="expected shape Nx2"):
        numbers.encode_matrix(np.array([[1.0]]))


def test_its_values_are_as_many_as_the_others_and_scalars_since_they_are_logged() -> None:
    with pytest.raises(EncodingError, match="'shop': got 1 values, expected 2 values"):
        ENCODING.encode({"shop": ["a"], "amount": [1.5, 2.5], "n": [1, 2]})
    with pytest.raises(EncodingError, match=r"'shop', row 1: got .*, expected a text, a number"):
        ENCODING.encode({"shop": ["a", {"b": 1}], "amount": [1.5, 2.5]})


def test_a_feature_that_is_read_must_be_sent_and_an_unknown_one_is_refused() -> None:
    with pytest.raises(EncodingError, match="'amount': got nothing"):
        ENCODING.encode({"shop": ["a"]})
    with pytest.raises(EncodingError, match="did you mean 'shop'"):
        ENCODING.encode({"amount": [1.0], "shopp": ["a"]})


def test_it_travels_as_json() -> None:
    document = json.loads(json.dumps(ENCODING.to_json()))
    assert Encoding.from_json(document) == ENCODING
