"""How the judge's two bets went over a phase: some points, for people. Nothing is decided by them."""

from __future__ import annotations

from collections.abc import Sequence

from eventing.catalogue import WealthPoint
from functions.judge_rollout.verdict import Numbers

Course = Sequence[Sequence[float]]
"""Points (labels, wealth of "worse", wealth of "better"), in order."""
MAX_POINTS = 60


def continued(course: Course | None, numbers: Numbers) -> list[list[float]]:
    """Return the course with where it stands now; when it grows too long, every second point is left out."""
    point = [numbers.labels, numbers.wealth_worse, numbers.wealth_better]
    found = [list(each) for each in course or ()]
    if found and found[-1][0] == numbers.labels:
        return [*found[:-1], point]
    if len(found) >= MAX_POINTS:
        found = found[1::2]
    return [*found, point]


def points_of(course: Course) -> list[WealthPoint]:
    """Return the course as an event carries it."""
    return [WealthPoint(labels=int(labels), worse=worse, better=better) for labels, worse, better in course]
