"""Data as drift sees it: the values that the model sees, however they were sent and stored."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from functions.detect_drift.columns import Column
from functions.detect_drift.tables import reference_table, window_table

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
