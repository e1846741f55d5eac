"""The encoding: what each kind of raw value becomes, what is refused, and that JSON keeps it exactly."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.encoding import Encoding, EncodingError, Feature
from pipelines.encoding.categories import OneHot, TargetMean
from pipelines.encoding.columns import Boolean, Number
from pipelines.encoding.times import Datetime
from pipelines.encoding.words import HashedText
from pipelines.values.form import Form

PLAIN = Encoding((Feature("age", "integer", Number()), Feature("member", "boolean", Boolean())))
MIXED = Encoding(
    (
        Feature("amount", "number", Number()),
        Feature("member", "boolean", Boolean()),
        Feature("country", "category", OneHot(("de", "fr"), missing=True)),
        Feature("shop", "category", TargetMean({"a": (0.25,), "b": (0.75,)}, (0.1,), (0.5,))),
        Feature("seen", "datetime", Datetime(("days", "weekday", "hour", "year_sin", "year_cos"))),
        Feature("note", "text", HashedText(16)),
        Feature("code", "text", HashedText(16, gram=3)),
    )
)
ROW = {
    "amount": [1.5],
    "member": [True],
    "country": ["fr"],
    "shop": ["b"],
    "seen": ["2024-01-01T06:00:00Z"],
} | {
    "note": ["good good day"],
    "code": ["AB-12"],
}


def problems_of(encoding: Encoding, columns: dict[str, object]) -> dict[str, str]:
    with pytest.raises(EncodingError) as caught:
        encoding.encode(columns)  # type: ignore[arg-type]
    return {problem.feature: str(problem) for problem in caught.value.problems}


def test_plain_numbers_become_a_contiguous_float32_matrix_in_feature_order() -> None:
    matrix = PLAIN.encode({"member": [0, 1], "age": [30, 41]})
    assert matrix.dtype == np.float32
    assert matrix.flags.c_contiguous
    assert matrix.tolist() == [[30.0, 0.0], [41.0, 1.0]]


def test_arrays_lists_and_a_ready_matrix_give_the_same() -> None:
    lists = PLAIN.encode({"age": [1, 2], "member": [True, False]})
    arrays = PLAIN.encode({"age": np.array([1, 2]), "member": np.array([True, False])})
    ready = PLAIN.encode_matrix(np.array([[1, 1], [2, 0]]))
    assert np.array_equal(lists, arrays)
    assert np.array_equal(lists, ready)


def test_missing_numbers_and_what_float32_cannot_hold_become_nan() -> None:
    column = [1.0, None, float("nan"), 1e300, 10**400, -(10**39)]
    matrix = Encoding((Feature("x", "number", Number()),)).encode({"x": column})
    assert matrix[0, 0] == 1.0
    assert np.isnan(matrix[1:, 0]).all()


@pytest.mark.parametrize("values", [[1.0, math.inf], np.array([2.0, -np.inf]), ["1", "inf"]])
def test_an_infinity_is_refused_as_ingesting_refuses_it(values: object) -> None:
    encoding = Encoding((Feature("x", "number", Number()),))

    assert "row 1: got" in problems_of(encoding, {"x": values})["x"]
    if isinstance(values, np.ndarray):
        with pytest.raises(EncodingError, match="feature 'x', row 1: got -inf"):
            encoding.encode_matrix(values.reshape(-1, 1))


def test_an_integer_beyond_float32_precision_is_rounded_not_refused() -> None:
    matrix = Encoding((Feature("x", "integer", Number()),)).encode({"x": [2**53 + 1, 2**70]})
    assert matrix[:, 0].tolist() == [float(2**53), float(2**70)]


@pytest.mark.parametrize("wrong", [["1", "two"], [[1], [2]], [{}, 1], [1, "x"], [b"1", 2]])
def test_a_number_of_a_wrong_type_is_refused_naming_row_and_type(wrong: list[object]) -> None:
    problem = problems_of(PLAIN, {"age": wrong, "member": [True, False]})["age"]
    assert "expected a number or null" in problem
    assert "row " in problem


def test_every_problem_is_listed_at_once_with_the_nearest_name() -> None:
    columns = {**ROW, "countri": ["fr"], "member": ["perhaps"]}
    del columns["amount"], columns["country"]
    found = problems_of(MIXED, columns)
    assert found.keys() == {"amount", "country", "countri"}
    assert "did you mean 'country'?" in found["countri"]
    assert found["amount"] == "feature 'amount': got nothing, expected a value of kind number"
    wrong = problems_of(
        MIXED, {**ROW, "member": ["perhaps"], "seen": ["yesterday"], "shop": [["a"]], "note": [{}]}
    )
    assert wrong.keys() == {"member", "seen", "shop", "note"}


def test_unequal_lengths_name_the_odd_column_and_both_lengths() -> None:
    found = problems_of(MIXED, {**{name: v * 2 for name, v in ROW.items()}, "note": ["a"]})
    assert found == {"note": "feature 'note': got 1 values, expected 2 values, as the other features have"}


@pytest.mark.parametrize("scalar", ["x", 3, None, np.zeros((1, 1))])
def test_a_scalar_or_a_matrix_in_place_of_a_column_is_refused(scalar: object) -> None:
    assert "amount" in problems_of(MIXED, {**ROW, "amount": scalar})


@pytest.mark.parametrize("value", [2, 0.5, -1])
def test_a_number_that_is_neither_0_nor_1_is_no_boolean(value: float) -> None:
    assert "true, false or null" in problems_of(PLAIN, {"age": [1], "member": [value]})["member"]
    with pytest.raises(EncodingError):
        PLAIN.encode_matrix(np.array([[1.0, value]]))


def test_a_matrix_is_refused_when_a_feature_is_no_number_or_the_shape_or_type_is_wrong() -> None:
    for encoding, matrix in [
        (MIXED, np.zeros((1, 7))),
        (PLAIN, np.zeros((1, 3))),
        (PLAIN, np.zeros(2)),
        (PLAIN, np.array([["a", "b"]])),
    ]:
        with pytest.raises(EncodingError):
            encoding.encode_matrix(matrix)


def test_a_category_has_a_column_per_value_one_for_missing_and_zeros_when_unknown() -> None:
    feature = Encoding((Feature("c", "category", OneHot(("1", "de", "true"), missing=True)),))
    matrix = feature.encode({"c": ["de", 1, 1.0, True, None, "xx", float("nan")]})
    assert matrix.argmax(axis=1).tolist()[:5] == [1, 0, 0, 2, 3]
    assert matrix[5].tolist() == [0, 0, 0, 0]
    assert matrix[6, 3] == 1


def test_a_target_mean_falls_back_to_the_prior_for_a_value_never_seen() -> None:
    matrix = Encoding((MIXED.features[3],)).encode({"shop": ["a", "b", None, "new"]})
    assert np.allclose(matrix[:, 0], [0.25, 0.75, 0.1, 0.5])


def test_a_time_is_the_same_as_text_epoch_object_or_array() -> None:
    feature = Encoding((MIXED.features[4],))
    moment = datetime(2024, 5, 17, 13, 45, 10, tzinfo=UTC)
    epoch = moment.timestamp()
    given_forms = ["2024-05-17T13:45:10Z", "2024-05-17T15:45:10+02:00", "2024-05-17 13:45:10", moment, epoch]
    given_forms += [epoch * 1e3, int(epoch * 1e6), int(epoch) * 10**9, moment.replace(tzinfo=None)]
    rows = feature.encode({"seen": given_forms})
    array = feature.encode({"seen": np.array(["2024-05-17T13:45:10"], dtype="datetime64[ns]")})
    assert np.allclose(rows, rows[0], atol=1e-3)
    assert np.allclose(array[0], rows[0], atol=1e-3)
    assert rows[0, 1:3].tolist() == [4.0, 13.0]
    days = feature.encode({"seen": [date(2024, 5, 17), "2024-05-17", None, np.datetime64("NaT")]})
    assert np.array_equal(days[0], days[1])
    assert np.isnan(days[2:]).all()


@pytest.mark.parametrize("value", ["soon", "2024-13-01", True, float("inf"), [2024], "1700000000x"])
def test_what_is_no_time_is_refused(value: object) -> None:
    assert "ISO 8601" in problems_of(MIXED, {**ROW, "seen": [value]})["seen"]


def test_text_counts_hashed_words_whatever_their_case_and_order() -> None:
    feature = Encoding((MIXED.features[5],))
    matrix = feature.encode({"note": ["Good day, good", "good DAY good", None, ""]})
    assert np.array_equal(matrix[0], matrix[1])
    assert not matrix[2:].any()
    assert np.isclose(matrix[0].max(), np.log(3))


def test_the_hash_of_a_word_is_the_same_in_another_process() -> None:
    script = (
        "import json, sys; from pipelines.encoding import Encoding\n"
        "document, columns = json.load(sys.stdin)\n"
        "print(json.dumps(Encoding.from_json(document).encode(columns).tolist()))\n"
        "assert not {'pandas', 'sklearn', 'pyarrow', 'pydantic'} & set(sys.modules)"
    )
    stdin = json.dumps([MIXED.to_json(), ROW])
    done = subprocess.run(
        [sys.executable, "-c", script], input=stdin, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == MIXED.encode(ROW).tolist()


def test_no_rows_and_ten_thousand_columns_are_fine() -> None:
    assert MIXED.encode({name: [] for name in ROW}).shape == (0, MIXED.width)
    wide = Encoding(tuple(Feature(f"x{i}", "number", Number()) for i in range(10_000)))
    assert wide.encode({f"x{i}": [1.0, 2.0] for i in range(10_000)}).shape == (2, 10_000)


names = st.text(min_size=1, max_size=12)
labels = st.text(max_size=8)
numbers = st.floats(width=32, allow_infinity=False) | st.none() | st.integers(-(10**40), 10**40)
encoders = st.one_of(
    st.just(("number", Number(), numbers)),
    st.just(("boolean", Boolean(), st.booleans() | st.none())),
    st.tuples(
        st.just("category"),
        st.builds(OneHot, st.lists(labels, unique=True, max_size=5).map(tuple), st.booleans()),
        st.just(labels | st.none() | st.integers() | st.booleans()),
    ),
    st.tuples(
        st.just("category"),
        st.builds(
            TargetMean,
            st.dictionaries(labels, st.tuples(st.floats(-1e6, 1e6))),
            st.none() | st.tuples(st.floats(-1e6, 1e6)),
            st.tuples(st.floats(-1e6, 1e6)),
        ),
        st.just(labels | st.none()),
    ),
    st.tuples(
        st.just("datetime"),
        st.just(Datetime(("days", "hour", "year_sin"))),
        st.just(st.datetimes().map(datetime.isoformat) | st.none() | st.floats(-1e10, 1e10)),
    ),
    st.tuples(
        st.just("text"),
        st.builds(HashedText, st.sampled_from([16, 64]), st.sampled_from([0, 3])),
        st.just(st.text(max_size=30) | st.none()),
    ),
)


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_a_json_round_trip_gives_an_equal_encoding_and_identical_matrices(data: st.DataObject) -> None:
    chosen = data.draw(st.dictionaries(names, encoders, min_size=1, max_size=5))
    rows = data.draw(st.integers(0, 4))
    encoding = Encoding(tuple(Feature(name, kind, encoder) for name, (kind, encoder, _) in chosen.items()))
    columns = {
        name: data.draw(st.lists(values, min_size=rows, max_size=rows))
        for name, (_, _, values) in chosen.items()
    }
    again = Encoding.from_json(json.loads(json.dumps(encoding.to_json())))
    assert again == encoding
    first = encoding.encode(columns)
    assert first.shape == (rows, encoding.width)
    assert first.tobytes() == again.encode(columns).tobytes()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=1, max_size=4))
def test_the_fast_path_and_the_careful_path_agree(columns: list[list[float | None]]) -> None:
    plain = Encoding(tuple(Feature(str(i), "number", Number()) for i in range(len(columns))))
    careful = Encoding((*plain.features, Feature("c", "category", OneHot(("a",), missing=False))))
    named = {str(i): column for i, column in enumerate(columns)}
    fast, slow = plain.encode(named), careful.encode({**named, "c": ["a"] * 3})[:, :-1]
    assert np.array_equal(fast, slow, equal_nan=True)


"""What a release before forms wrote."""


@pytest.mark.case("E", "a missing category")
def test_a_blank_category_is_the_missing_one() -> None:
    encoding = Encoding((Feature("work", "category", OneHot(("a", "b"), missing=True)),))

    for blank in ("", " ", None, float("nan"), "null"):
        assert encoding.encode({"work": [blank]}).tolist() == [[0, 0, 1]]
    assert encoding.encode({"work": ["c"]}).tolist() == [[0, 0, 0]]


@pytest.mark.case("E", "a date as training had it")
def test_dates_are_read_in_the_form_of_the_training_data_and_in_iso_8601() -> None:
    form = Form(format="%d/%m/%Y")
    encoding = Encoding((Feature("seen", "datetime", Datetime(("days",)), form),))
    encoding = Encoding.from_json(encoding.to_json())

    assert encoding.encode({"seen": ["31/01/2026", "2026-01-31", "", None]})[:2].tolist() == [[20484.0]] * 2
    assert "expected a date or time as in %d/%m/%Y" in problems_of(encoding, {"seen": ["01/31/2026"]})["seen"]
