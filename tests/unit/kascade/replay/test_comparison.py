"""Decisions in order of time, and which of them rest on an earlier difference."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from kascade.replay.comparison import Compared, in_time

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_decisions_of_the_governor_and_the_judge_after_their_first_difference_are_what_if() -> None:
    def one(minute: int, area: Any, replayed: str) -> Compared:
        return Compared(NOON + timedelta(minutes=minute), "churn", area, "churn", "a", replayed, "r", "w")

    found = in_time(
        [
            one(5, "judge", "a"),
            one(4, "judge", "b"),
            one(3, "gate", "b"),
            one(2, "governor", "a"),
            one(1, "governor", "b"),
            one(0, "gate", "b"),
        ]
    )
    assert [(each.area, each.differs, each.what_if) for each in found] == [
        ("gate", True, False),
        ("governor", True, False),
        ("governor", False, True),
        ("gate", True, False),
        ("judge", True, False),
        ("judge", False, True),
    ]
