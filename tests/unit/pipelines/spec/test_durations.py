"""Durations as they are written, and which parts a window takes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.spec import Window, format_duration, parse_duration, parse_spec


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("60s", 60),
        ("6h", 21600),
        ("14d", 1209600),
        ("2w", 1209600),
        ("1h30m", 5400),
        ("500ms", 0.5),
        ("1.5h", 5400),
    ],
)
def test_a_duration_has_units(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "60", "6 h", "-1s", "1y", "s", "1h-", "9999999d", "١s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_duration(text)


@settings(deadline=None, max_examples=100)
@given(st.integers(min_value=0, max_value=3650 * 86400 * 1000))
def test_a_duration_is_read_back_as_it_was_written(milliseconds: int) -> None:
    duration = timedelta(milliseconds=milliseconds)

    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("written", "start"),
    [
        ("all", 0),
        ("3", 2),
        ("9", 0),
        ("{rows: 1}", 4),
        ("{rows: 25}", 2),
        ("{rows: 999}", 0),
        ("{rows: 999, parts: 2}", 3),
    ],
)
def test_a_window_takes_the_newest_parts(written: str, start: int) -> None:
    spec = parse_spec(f"target: y\ntrain: {{window: {written}}}".encode(), model="churn")

    assert spec.train.window.start([10, 10, 10, 10, 10]) == start


def test_a_window_of_nothing_starts_at_nothing() -> None:
    assert Window().start([]) == 0
    assert Window(parts=2, rows=5).start([]) == 0
