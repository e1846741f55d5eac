"""Which numbers are centred before float32, that no digit is lost on the way, and that JSON keeps it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.encoding import Encoding, EncodingError, Feature
from pipelines.encoding.columns import CentredNumber, Number
from pipelines.encoding.fitting import fit_number
from pipelines.encoding.scales import AS_IS, Scale, fit_scale
from pipelines.tables import canonical, encode_table

rng = np.random.default_rng(0)


@pytest.mark.parametrize(
    "values",
    [
        rng.normal(50, 20, 1000),
        rng.lognormal(0, 5, 1000),
        np.arange(1000),
        np.array([1e9, 1e9 + 200]),
        np.full(10, 1e300),
        np.array([np.nan]),
        np.zeros(0),
        np.array([np.inf, -np.inf, 1e300, *rng.normal(size=300)]),
        rng.normal(size=1000).astype(np.float32).astype(np.float64) * 1e6,
    ],
)
def test_numbers_that_float32_tells_apart_stay_as_they_are(values: np.ndarray) -> None:
    assert fit_scale(values)[0] == AS_IS


@pytest.mark.case("G")
@pytest.mark.parametrize(
    "values",
    [
        1e9 + 3 * rng.normal(size=500),
        1_790_000_000 + rng.integers(0, 600, 500),
        2**60 + rng.integers(0, 600, 500),
        np.concatenate([np.zeros(500), 1e9 + 3 * rng.normal(size=500)]),
        1e-44 * rng.normal(size=500),
        1e300 * rng.normal(size=500),
        2**24 - 100 + np.arange(50) * 1.0,
    ],
)
def test_numbers_that_it_does_not_are_centred_and_come_back(values: np.ndarray) -> None:
    scale, blurred = fit_scale(values)
    assert scale != AS_IS
    assert blurred < 0.01
    back = scale.undo(scale.apply(values))
    assert np.allclose(back, values.astype(np.float64), rtol=1e-15, atol=0)


@pytest.mark.case("G")
def test_what_float32_cannot_tell_apart_even_centred_is_counted() -> None:
    _, blurred = fit_scale(np.concatenate([10**9 + np.arange(100), 10**18 + np.arange(100)]))
    assert 0.4 < blurred < 0.6


integers = st.integers(-(2**63), 2**63 - 1)


@settings(deadline=None, max_examples=200)
@given(st.lists(integers | st.integers(10**18, 10**18 + 50) | st.none(), min_size=1, max_size=30), integers)
def test_a_table_and_a_request_give_the_same_whole_numbers(values: list[int | None], middle: int) -> None:
    feature = Feature("x", "integer", CentredNumber(Scale(middle, 8.0)))
    encoding = Encoding.from_json(json.loads(json.dumps(Encoding((feature,)).to_json())))
    table = pa.table({"x": canonical(pa.chunked_array([pa.array(values, pa.int64())]), "integer", "x")})
    found = encode_table(encoding, table)
    assert np.array_equal(encoding.encode({"x": values}), found, equal_nan=True)
    exact = [np.nan if value is None else np.float32((value - middle) / 8) for value in values]
    assert np.allclose(found[:, 0], exact, rtol=2e-7, equal_nan=True)


@pytest.mark.case("G")
@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.floats(allow_infinity=False) | st.floats(1e9, 1e9 + 9) | st.none(), min_size=1, max_size=30)
)
def test_a_table_a_request_and_a_matrix_give_the_same_numbers(values: list[Any]) -> None:
    features = (
        Feature("x", "number", CentredNumber(Scale(1e9, 4.0))),
        Feature("plain", "number", Number()),
    )
    encoding = Encoding(features)
    columns = {"x": values, "plain": values}
    array = pa.chunked_array([pa.array(values, pa.float64())])
    found = encode_table(encoding, pa.table({"x": array, "plain": array}))
    assert np.array_equal(encoding.encode(columns), found, equal_nan=True)
    matrix = np.array([[np.nan if v is None else v] * 2 for v in values])
    assert np.array_equal(encoding.encode_matrix(matrix), found, equal_nan=True)
    alone = Encoding((features[0],)).encode({"x": values})
    assert np.array_equal(alone[:, 0], found[:, 0], equal_nan=True)


def test_a_number_beyond_any_float_once_it_is_scaled_counts_as_missing() -> None:
    encoding = Encoding((Feature("x", "number", CentredNumber(Scale(1.0, 2.0**-1000))),))
    with np.errstate(over="ignore"):
        assert np.isnan(encoding.encode({"x": [1e300]})).all()
        with pytest.raises(EncodingError, match="got -inf"):
            encoding.encode({"x": [1e300, -np.inf]})


def test_a_scaled_answer_travels_and_an_earlier_reader_refuses_it() -> None:
    encoding = Encoding((Feature("x", "number", Number()),), Scale(1e9, 4.0))
    document = json.loads(json.dumps(encoding.to_json()))
    assert document["format"] == 2
    assert Encoding.from_json(document) == encoding
    assert encoding.answers(np.array([0.5], dtype=np.float32)).tolist() == [1e9 + 2]
    plain = Encoding(encoding.features)
    assert "answer" not in plain.to_json()
    assert plain.to_json()["format"] == 1
    scores = np.array([0.5], dtype=np.float32)
    assert plain.answers(scores) is scores


def test_an_encoder_is_fitted_to_what_the_column_needs() -> None:
    assert fit_number(np.arange(10.0))[0] == Number()
    encoder, _ = fit_number(10**18 + np.arange(50))
    assert isinstance(encoder, CentredNumber)
    assert isinstance(encoder.scale.offset, int)
