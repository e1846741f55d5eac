"""The points that people see of the judge's bets."""

from __future__ import annotations

from functions.judge_rollout.verdict import Numbers
from functions.judge_rollout.wealth_history import MAX_POINTS, continued, points_of


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
    wealth_history: list[list[float]] = []
    for labels in range(10_000):
        wealth_history = continued(wealth_history, numbers(labels))
        wealth_history = continued(wealth_history, numbers(labels))

    assert MAX_POINTS / 2 <= len(wealth_history) <= MAX_POINTS
    labels_seen = [point[0] for point in wealth_history]
    assert labels_seen == sorted(set(labels_seen))
    assert (points_of(wealth_history)[-1].labels, points_of(wealth_history)[-1].better) == (9_999, 9_999)
