"""When labelled predictions are released."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from functions.release_labels.logic import is_alarm_open, is_due
from pipelines.spec import parse_spec

SPEC = parse_spec(b"{target: y, labels: {min_rows: 100}, retrain: {harm_min_rows: 30}}", model="churn")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("unreleased", "alarmed", "due"),
    [(99, False, False), (100, False, True), (29, True, False), (30, True, True), (500, True, True)],
)
def test_enough_rows_or_after_an_alarm_fewer_are_released(unreleased: int, alarmed: bool, due: bool) -> None:
    assert is_due(SPEC, unreleased=unreleased, alarmed=alarmed) is due


def test_an_alarm_is_open_until_rows_have_been_released() -> None:
    assert not is_alarm_open(None, None)
    assert is_alarm_open(NOON, None)
    assert is_alarm_open(NOON, NOON - timedelta(seconds=1))
    assert not is_alarm_open(NOON, NOON)
