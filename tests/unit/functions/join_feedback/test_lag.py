"""The time by which all labels are joined stays behind the present by as long as labels are on their way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from functions.join_feedback.logic import Lag, joined_through, lag_after
from functions.join_feedback.matching import Fate, Join, Label

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEPT = NOW - timedelta(seconds=3)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def labels(*lags: float, at: datetime = NOW) -> list[Label]:
    return [
        Label(str(number), "yes", at - timedelta(seconds=lag), kept_at=at, lag_s=lag)
        for number, lag in enumerate(lags)
    ]


def test_labels_that_come_at_once_hold_nothing_up() -> None:
    assert joined_through(NOW, [], None, lag_after(None, labels(0.0), NOW)) == NOW


def test_what_is_joined_is_held_back_by_the_slowest_of_twenty() -> None:
    assert lag_after(None, labels(1, 5, 3), NOW) == Lag(5, NOW)
    assert lag_after(None, labels(*[1.0] * 19, 86400.0), NOW) == Lag(1, NOW)
    assert joined_through(NOW, [], None, Lag(5, NOW)) == after(-5)


def test_a_label_of_last_week_that_waits_for_its_prediction_holds_nothing_up() -> None:
    old = Label("l", "yes", after(-7 * 86400), kept_at=KEPT, lag_s=1.0)
    waiting = [Join(old, Fate.UNKNOWN)]
    assert joined_through(NOW, waiting, None, None) == KEPT - timedelta(seconds=1, microseconds=1)


def test_a_burst_of_slow_ones_is_remembered_while_quicker_ones_follow() -> None:
    slow = lag_after(None, labels(10), NOW)
    assert lag_after(slow, labels(1, at=after(15)), after(15)) == Lag(10, NOW)
    assert lag_after(slow, labels(1, at=after(21)), after(21)) == Lag(1, after(21))


@pytest.mark.parametrize(("lag", "held_s"), [(0.0, 2), (0.5, 2), (10, 20), (3600, 60)])
def test_a_lag_is_forgotten_when_no_label_comes(lag: float, held_s: float) -> None:
    seen = Lag(lag, NOW)
    assert lag_after(seen, [], after(held_s - 0.1)) == seen
    assert lag_after(seen, [], after(held_s)) is None
