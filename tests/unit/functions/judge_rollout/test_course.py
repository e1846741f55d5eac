"""The points that people see of the judge's bets."""

from __future__ import annotations

from functions.judge_rollout.course import MAX_POINTS, continued, points_of
from functions.judge_rollout.verdict import Numbers


def numbers(labels: int) -> Numbers:
    return Numbers(
        labels=labels,
        wealth_worse=0.5,
        wealth_better=float(labels),
        threshold=20.0,
        difference=None,
        coverage_champion=None,
        coverage_challenger=None,
        repeats=0,
        unpaired=0,
        logged=0,
        label_digest="",
    )


def test_a_course_grows_by_new_labels_and_stays_short() -> None:
    course: list[list[float]] = []
    for labels in range(10_000):
        course = continued(course, numbers(labels))
        course = continued(course, numbers(labels))

    assert MAX_POINTS / 2 <= len(course) <= MAX_POINTS
    labels_seen = [point[0] for point in course]
    assert labels_seen == sorted(set(labels_seen))
    assert (points_of(course)[-1].labels, points_of(course)[-1].better) == (9_999, 9_999)
