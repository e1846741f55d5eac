"""Decisions in order of time, and which of them rest on an earlier difference."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

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


def of(minute: int, area: Any, subject: str, recorded: str, replayed: str) -> Compared:
    at = NOON + timedelta(minutes=minute)
    return Compared(at, "churn", area, subject, recorded, replayed, "r", "w")


def test_what_is_decided_about_a_version_that_would_not_have_been_is_a_what_if() -> None:
    found = in_time(
        [
            of(0, "gate", "churn/v1", "approved (m)", "approved (m)"),
            of(1, "drift", "churn/v1", "stable", "stable"),
            of(2, "governor", "churn/v2", "approved (x)", "waits (cooldown)"),
            of(3, "gate", "churn/v2", "approved (m)", "approved (m)"),
            of(4, "judge", "churn/v2 shadow", "promoted (e)", "promoted (e)"),
            of(5, "harm", "churn/v2", "harm", "harm"),
            of(6, "drift", "churn/v1", "stable", "stable"),
        ]
    )
    assert [each.what_if for each in found] == [False, False, False, True, True, True, False]
    assert found[2].unknown == "whether it is asked again later is not known"


@pytest.mark.parametrize(
    ("area", "recorded", "replayed", "unknown"),
    [
        ("governor", "waits (cooldown)", "approved (x)", "what would have been trained is not known"),
        ("gate", "rejected (min)", "approved (m)", "what its rollout would have come to is not known"),
        ("gate", "approved (m)", "rejected (min)", ""),
        ("judge", "promoted (evidence)", "waits", "the record ends here"),
        ("judge", "rolled_back (e)", "promoted (e)", "how it would have served is not known"),
        ("judge", "promoted (e)", "rolled_back (e)", "how the champion would have served on is not known"),
        ("drift", "stable", "drifted", ""),
    ],
)
def test_a_difference_says_what_the_record_cannot_tell(
    area: Any, recorded: str, replayed: str, unknown: str
) -> None:
    (found,) = in_time([of(0, area, "churn/v2", recorded, replayed)])
    assert (found.differs, found.unknown, found.as_json()["unknown"]) == (True, unknown, unknown)


def test_what_does_not_differ_leaves_nothing_unknown() -> None:
    (found,) = in_time([of(0, "judge", "churn/v2", "waits", "waits")])
    assert found.unknown == ""
