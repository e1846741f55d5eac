"""How the judge's two bets went over a phase: some points, for people. Nothing is decided by them."""

from __future__ import annotations

from collections.abc import Sequence

from eventing.catalogue import WealthPoint
from functions.judge_rollout.verdict import Numbers

WealthHistory = Sequence[Sequence[float]]
"""Points (labels, wealth of "worse", wealth of "better"), in order."""
MAX_POINTS = 60


def continued(history: WealthHistory | None, numbers: Numbers) -> list[list[float]]:
    """Return the history with where the bets stand now; one that is too long loses every second point."""
    point = [numbers.labels, numbers.wealth_worse, numbers.wealth_better]
    found = [list(each) for each in history or ()]
    if found and found[-1][0] == numbers.labels:
        return [*found[:-1], point]
    if len(found) >= MAX_POINTS:
        found = found[1::2]
    return [*found, point]


def points_of(history: WealthHistory) -> list[WealthPoint]:
    """Return the history as an event carries it."""
    return [WealthPoint(labels=int(labels), worse=worse, better=better) for labels, worse, better in history]
