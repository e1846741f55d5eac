"""What became of labels is counted over the span of time under way and the one before it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from functions.join_feedback.fates import Fates, count_fates

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_counts_add_up_within_a_span_and_nothing_is_kept_for_nought() -> None:
    first = count_fates(None, {"joined": 3, "late": 1, "unknown": 0}, now=NOON, span=HOUR)
    assert first == Fates(since=NOON, counts={"joined": 3, "late": 1})
    more = count_fates(first, {"joined": 2}, now=NOON + HOUR / 2, span=HOUR)
    assert more == Fates(since=NOON, counts={"joined": 5, "late": 1})


def test_the_span_before_is_kept_and_older_ones_are_forgotten() -> None:
    first = count_fates(None, {"joined": 3}, now=NOON, span=HOUR)
    second = count_fates(first, {"late": 1}, now=NOON + HOUR, span=HOUR)
    assert second == Fates(since=NOON + HOUR, counts={"late": 1}, before_since=NOON, before={"joined": 3})
    third = count_fates(second, {}, now=NOON + 4 * HOUR, span=HOUR)
    assert third == Fates(since=NOON + 4 * HOUR)
