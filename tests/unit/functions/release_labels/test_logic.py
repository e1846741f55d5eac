"""When labelled predictions are released."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from functions.release_labels.logic import is_alarm_open, is_due
from pipelines.spec import parse_spec

SPEC = parse_spec(b"{target: y, labels: {min_rows: 100}, retrain: {harm_min_rows: 30}}", model="churn")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("unreleased", "since_alarm", "due"),
    [(99, None, False), (100, None, True), (99, 29, False), (99, 30, True), (500, 0, True)],
)
def test_enough_rows_or_after_an_alarm_fewer_are_released(
    unreleased: int, since_alarm: int | None, due: bool
) -> None:
    assert is_due(SPEC, unreleased=unreleased, since_alarm=since_alarm) is due


def test_an_alarm_is_open_until_rows_have_been_released() -> None:
    assert not is_alarm_open(None, None)
    assert is_alarm_open(NOON, None)
    assert is_alarm_open(NOON, NOON - timedelta(seconds=1))
    assert not is_alarm_open(NOON, NOON)
