"""The shapes of a chart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.console.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Point, line_chart, log_share

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def points(*values: float, every: timedelta = timedelta(minutes=1)) -> list[Point]:
    return [Point(NOON + at * every, value, 10) for at, value in enumerate(values)]


def test_without_a_point_there_is_no_chart() -> None:
    assert line_chart({"v1": []}) is None


def test_time_runs_from_left_to_right_and_loss_upwards() -> None:
    chart = line_chart({"v1": points(0.0, 1.0)})

    assert chart is not None
    assert chart.lines[0].points == f"{LEFT:.1f},{HEIGHT - BOTTOM:.1f} {WIDTH - RIGHT:.1f},{TOP:.1f}"
    assert [tick.label for tick in chart.y_ticks] == ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]


def test_a_decision_outside_of_the_time_that_is_shown_is_left_out() -> None:
    decisions = [(NOON - timedelta(days=1), "v1 promoted", "good"), (NOON, "v2 promoted", "good")]

    chart = line_chart({"v1": points(0.1, 0.2)}, decisions)

    assert chart is not None
    assert [mark.label for mark in chart.marks] == ["v2 promoted"]


def test_a_small_difference_is_not_blown_up() -> None:
    chart = line_chart({"v1": points(0.101, 0.102)})

    assert chart is not None
    low, high = chart.y_ticks[0].label, chart.y_ticks[-1].label
    assert (low, high) == ("0 %", "20 %")


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=30),
    st.integers(1, 10**8),
)
def test_everything_is_inside_of_the_frame_and_axes_are_short(values: list[float], seconds: int) -> None:
    chart = line_chart({"v1": points(*values, every=timedelta(seconds=seconds))})

    assert chart is not None
    for pair in chart.lines[0].points.split():
        x, y = map(float, pair.split(","))
        assert LEFT <= x <= WIDTH - RIGHT
        assert TOP <= y <= HEIGHT - BOTTOM
    assert len(chart.x_ticks) <= 8
    assert 2 <= len(chart.y_ticks) <= 6


@pytest.mark.parametrize(("value", "share"), [(0.2, 0), (1, 0), (20**0.5, 0.5), (20, 1), (1e9, 1)])
def test_a_wealth_is_shown_by_how_far_it_has_come(value: float, share: float) -> None:
    assert log_share(value, 20) == pytest.approx(share)
