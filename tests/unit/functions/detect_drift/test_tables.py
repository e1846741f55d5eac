"""Data as drift sees it: the values that the model sees, however they were sent and stored."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from functions.detect_drift.columns import Column, Table
from functions.detect_drift.detection import Options
from functions.detect_drift.detectors import scipy_tabular
from functions.detect_drift.tables import reference_table, window_table, with_few_values
from pipelines.values.form import Form

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECONDS = NOON.timestamp()


def sent(kind: str, values: list[Any]) -> Column:
    return window_table(pa.table({"in.x": values}), {"x": kind})["x"]


@pytest.mark.parametrize("values", [[True, False, None], [1.0, 0.0, None], ["true", "0", None]])
def test_a_boolean_is_the_same_whether_sent_as_true_as_1_or_among_both(values: list[Any]) -> None:
    trained = reference_table(pa.table({"x": [True, False, None]}), {"x": "boolean"}, scored=False)["x"]
    assert trained.values.tolist() == ["true", "false", None]
    assert sent("boolean", values).values.tolist() == trained.values.tolist()


def test_what_is_no_boolean_stays_a_category_of_its_own() -> None:
    assert sent("boolean", ["maybe", "true"]).values.tolist() == ["maybe", "true"]
    assert sent("boolean", [2.0, 1.0]).values.tolist() == ["2", "true"]


@pytest.mark.parametrize("unit", [1, 10**3, 10**6, 10**9])
def test_a_time_since_1970_is_read_in_the_unit_that_the_encoder_reads(unit: int) -> None:
    assert sent("datetime", [SECONDS * unit, None]).numbers.tolist() == [SECONDS]


def test_times_are_read_with_spaces_around_them_and_beside_numbers() -> None:
    texts = [f" {NOON.isoformat()} ", str(int(SECONDS * 1000)), "2026-03-01T12:00:00"]
    assert sent("datetime", texts).numbers.tolist() == [SECONDS] * 3
    assert sent("datetime", ["soon", None]).missing == 2


def test_a_number_that_the_model_takes_as_missing_is_missing() -> None:
    assert sent("number", [1.0, 1e39, float("inf"), None]).values.tolist()[0] == 1.0
    assert sent("number", [1.0, 1e39, float("inf"), None]).missing == 3
    assert sent("number", ["true", "2.5", "much"]).numbers.tolist() == [1.0, 2.5]


@pytest.mark.case("E", "numbers as text")
def test_texts_are_read_as_the_model_reads_them() -> None:
    log = pa.table({"in.x": ["88,5", "1.250", "", "x"], "in.t": ["31/01/2026", "", "soon", None]})
    forms = {"x": Form(decimal=",", grouped=True), "t": Form(format="%d/%m/%Y")}
    seen = window_table(log, {"x": "number", "t": "datetime"}, forms)

    assert np.array_equal(seen["x"].values.astype(float), [88.5, 1250.0, np.nan, np.nan], equal_nan=True)
    assert seen["t"].numbers.tolist() == [datetime(2026, 1, 31, tzinfo=UTC).timestamp()]


@pytest.mark.case("I", "0/1 integer flags")
def test_a_shift_in_flags_is_found_by_counts_where_ranks_miss_it() -> None:
    random = np.random.default_rng(7)
    features = {"flag": "integer", "age": "integer"}
    sample = pa.table({"flag": random.random(5_000) < 0.1, "age": random.integers(18, 80, 5_000)}).cast(
        pa.schema([("flag", pa.int64()), ("age", pa.int64())])
    )
    kinds = with_few_values(features, sample)
    reference = reference_table(sample, kinds, scored=False)
    plain = reference_table(sample, features, scored=False)
    by_counts = by_ranks = 0
    for _ in range(40):
        sent = [float(value) for value in random.random(500) < 0.16]
        window = pa.table({"in.flag": sent, "in.age": [40.0] * 500})
        by_counts += p_value(scipy_tabular, reference, window_table(window, kinds)) < 0.01
        by_ranks += p_value(scipy_tabular, plain, window_table(window, features)) < 0.01

    assert (reference["flag"].kind, reference["age"].kind) == ("category", "number")
    assert by_counts >= 34
    assert by_ranks <= by_counts - 10


def p_value(detector: Any, reference: Table, current: Table) -> float:
    tests = detector.detect(reference, current, Options()).tests
    return float(next(test.p_value for test in tests if test.feature == "flag"))


def test_numbers_of_many_values_or_with_decimals_stay_numbers() -> None:
    sample = pa.table(
        {"many": [float(i) for i in range(11)], "half": [0.5] * 11, "few": [1.0, None] + [2.0] * 9}
    )
    kinds = with_few_values({"many": "number", "half": "number", "few": "number", "lost": "integer"}, sample)

    assert kinds == {"many": "number", "half": "number", "few": "few values", "lost": "integer"}
    assert reference_table(sample, kinds, scored=False)["few"].values.tolist() == ["1", None] + ["2"] * 9
