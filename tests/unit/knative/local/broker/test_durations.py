from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knative.local.broker.durations import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT0.2S", 0.2),
        ("PT0,5S", 0.5),
        ("PT10S", 10),
        ("PT1M30S", 90),
        ("PT2H", 7_200),
        ("P1D", 86_400),
        ("P1DT2H", 93_600),
        ("P2W", 1_209_600),
        ("P1M", 2_629_746),
        ("P1Y", 31_556_952),
        ("PT0S", 0),
    ],
)
def test_a_duration_is_its_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1S", "10s", "-PT1S", "PT1H2H", "PT1S1M", "1", "pt1s", "PT1S ", "P1DT", "PT.5S"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ISO 8601"):
        parse_duration(text)


@given(hours=st.integers(0, 99), minutes=st.integers(0, 99), seconds=st.integers(0, 9999))
@settings(max_examples=60, deadline=None)
def test_parts_add_up(hours: int, minutes: int, seconds: int) -> None:
    assert parse_duration(f"PT{hours}H{minutes}M{seconds}S") == hours * 3600 + minutes * 60 + seconds


@given(st.text(alphabet="PT0123456789YMWDHS.,- ", max_size=12))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_length_or_refused(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert seconds >= 0
