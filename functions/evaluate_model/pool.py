"""Is a former champion better than the champion by now? Decided label by label, so that one can return.

Each former champion answers, offline, what the champion was asked; one label scores both. Its sum of bets is
Shiryaev and Roberts', M <- (M + 1)(1 + lambda (x - margin)), where x is the champion's loss minus its own
(Shin, Ramdas & Rinaldo, "E-detectors", arXiv 2203.03532). A bet is begun at every label, so what a former
champion lost under another concept is no debt, as with the fixed share of Herbster & Warmuth (Machine
Learning 32, 1998).

While no former champion is better by more than the margin, and labels are independent, the mean number of
labels until one is called back is at least `THRESHOLD`, however many there are. All sums begin anew with each
champion, so each return needs a proof of its own, from labels of after the one before.

To be less bad than the champion is not enough: it must do on its newest labels what its holdout promised,
within chance. Else a training is what is needed, not a return.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from functions.state.versions import Fact, champion_of
from pipelines.spec import Rollout

THRESHOLD = 5_000.0
STAKES = (0.1, 0.25, 0.5, 0.9)
"""Shares of the wealth, of which a bet's is the mean."""
RECENT = 50
"""Newest labels on which a former champion must keep to what its holdout promised."""
_CHANCE = 3.0
"""Standard errors of their mean that count as chance."""
_MOST = 1e300


@dataclass(frozen=True)
class Former:
    """A former champion against the champion.

    Attributes:
        sums: one for each of STAKES.
        labels: how many scored both.
        gained: sum of the champion's losses minus its own.
        recent: its newest losses.
        promised: the loss that it is to keep to on those; see `promise`.
    """

    version: int
    sums: tuple[float, ...] = (0.0,) * len(STAKES)
    labels: int = 0
    gained: float = 0.0
    recent: tuple[float, ...] = ()
    promised: float = 1.0

    @property
    def keeps_its_promise(self) -> bool:
        """Whether it does now what its holdout promised."""
        return len(self.recent) >= RECENT and sum(self.recent) <= self.promised * len(self.recent)

    @property
    def statistic(self) -> float:
        """The mean of the sums."""
        return sum(each / len(self.sums) for each in self.sums)


@dataclass(frozen=True)
class Pool:
    """The former champions of a model against its champion.

    Attributes:
        champion: the champion.
        since: when it became champion.
        at: every matured label of its predictions up to (`at`, `prediction_id`) has been taken in.
    """

    champion: int
    since: datetime
    at: datetime
    prediction_id: str = ""
    formers: tuple[Former, ...] = ()


@dataclass(frozen=True)
class Recall:
    """A former champion is better by more than the margin, and as good as it promised: it serves again."""

    former: Former
    threshold: float


@dataclass(frozen=True)
class Stay:
    """None is shown to be better."""

    threshold: float


def reign_of(facts: Sequence[tuple[int, Fact, datetime]]) -> tuple[int, datetime] | None:
    """Return the champion and since when it is that; None without one.

    Args:
        facts: (version, fact, when) in the order recorded.
    """
    happened = [(version, fact) for version, fact, _ in facts]
    champion = champion_of(happened)
    if champion is None:
        return None
    first = len(facts) - 1
    while first > 0 and champion_of(happened[:first]) == champion:
        first -= 1
    return champion, facts[first][2]


def formers_of(facts: Sequence[tuple[int, Fact]], size: int) -> list[int]:
    """Return the last champions before the champion, newest first; one that was taken back is none.

    Args:
        facts: (version, fact) in the order recorded.
        size: at most so many.
    """
    champion = champion_of(facts)
    kept: dict[int, None] = {}
    for version, fact in facts:
        if fact in (Fact.PROMOTED, Fact.PROBATION, Fact.ROLLED_BACK):
            kept.pop(version, None)
        if fact is Fact.PROMOTED:
            kept[version] = None
        if fact is Fact.RETIRED:
            kept.clear()
    return [version for version in reversed(kept) if version != champion][:size]


def promise(mean: float, variance: float, margin: float) -> float:
    """Return the mean loss on RECENT labels that the mean and variance of a holdout's losses allow for."""
    return mean + margin + _CHANCE * math.sqrt(variance / RECENT)


def observe(policy: Rollout, pool: Pool, champion: float, losses: Mapping[int, float]) -> Pool:
    """Take in one label: the champion's loss, and those of the former champions that answered.

    Raises:
        ValueError: a loss is outside [0, 1].
    """
    return replace(
        pool,
        formers=tuple(
            _observe(policy, each, champion - losses[each.version], champion, losses[each.version])
            if each.version in losses
            else each
            for each in pool.formers
        ),
    )


def _observe(policy: Rollout, former: Former, x: float, *losses: float) -> Former:
    if not all(0.0 <= loss <= 1.0 for loss in losses):
        raise ValueError(f"losses must lie in [0, 1], these are {losses}")
    most = 1.0 / (1.0 + policy.margin)  # a larger stake could lose more than there is
    sums = tuple(
        min((each + 1.0) * (1.0 + min(stake, most) * (x - policy.margin)), _MOST)
        for each, stake in zip(former.sums, STAKES, strict=True)
    )
    recent = (*former.recent, losses[-1])[-RECENT:]
    return replace(former, sums=sums, labels=former.labels + 1, gained=former.gained + x, recent=recent)


def decide(policy: Rollout, pool: Pool) -> Recall | Stay:
    """Say whether a former champion is to serve again; of several the one with the largest statistic."""
    threshold = THRESHOLD * max(1, len(pool.formers))
    proven = [each for each in pool.formers if _is_proven(policy, each, threshold)]
    if not proven or not policy.pool:
        return Stay(threshold)
    return Recall(max(proven, key=lambda each: (each.statistic, each.version)), threshold)


def _is_proven(policy: Rollout, former: Former, threshold: float) -> bool:
    enough = former.statistic >= threshold and former.labels >= policy.min_labels
    return enough and former.keeps_its_promise
