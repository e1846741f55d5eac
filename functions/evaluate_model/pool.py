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

from functions.evaluate_model.anchor import Anchor, observe_anchor
from functions.evaluate_model.former import RECENT, Former, observe_former
from functions.state.versions import Fact, champion_of
from pipelines.spec import Rollout

THRESHOLD = 5_000.0
_CHANCE = 3.0
"""Standard errors of their mean that count as chance."""


@dataclass(frozen=True)
class Pool:
    """The former champions of a model against its champion.

    Attributes:
        champion: the champion.
        since: when it became champion.
        anchor: the one against creep; None until there is a former champion.
        unit: mean loss of the best answer that is always the same; the margin is a share of it.
        at: every matured label of its predictions up to (`at`, `prediction_id`) has been taken in.
    """

    champion: int
    since: datetime
    at: datetime
    prediction_id: str = ""
    formers: tuple[Former, ...] = ()
    unit: float = 1.0
    anchor: Anchor | None = None


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
    if not all(0.0 <= loss <= 1.0 for loss in (champion, *losses.values())):
        raise ValueError(f"losses must lie in [0, 1], these are {champion} and {dict(losses)}")
    margin, anchor = policy.margin * pool.unit, pool.anchor
    if anchor is not None:
        anchor = observe_anchor(anchor, pool.champion, champion, losses, margin=margin, alpha=policy.alpha)
    formers = tuple(
        observe_former(each, margin, champion - losses[each.version], losses[each.version])
        if each.version in losses
        else each
        for each in pool.formers
    )
    return replace(pool, formers=formers, anchor=anchor)


def decide(policy: Rollout, pool: Pool) -> Recall | Stay:
    """Say whether a former champion is to serve again; of several the one with the largest statistic."""
    candidates = {each.version: each for each in pool.formers}
    if pool.anchor is not None and pool.anchor.former.version != pool.champion:
        candidates[pool.anchor.former.version] = pool.anchor.former
    threshold = THRESHOLD * max(1, len(candidates))
    proven = [each for each in candidates.values() if _is_proven(policy, each, threshold)]
    if not proven or not policy.pool:
        return Stay(threshold)
    return Recall(max(proven, key=lambda each: (each.statistic, each.version)), threshold)


def _is_proven(policy: Rollout, former: Former, threshold: float) -> bool:
    enough = former.statistic >= threshold and former.labels >= policy.min_labels
    return enough and former.keeps_its_promise
