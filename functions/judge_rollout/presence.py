"""Whether a prediction gets a label depends on what was predicted.

A payment that is blocked never shows whether it was fraud; a forecast that looks right is never checked.
Labels are then no fair sample, and in a shadow, where one label scores both arms, both arms' coverage is
equal all the same. So the share of labels is held against each arm's answer, and against whether the arms
agree: an arm's own errors lie where they do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from functions.judge_rollout.coverage import Arm
from functions.judge_rollout.exact_tests import fisher

Factor = Literal["champion", "challenger", "agreement"]
ALPHA = 0.05
"""Of one comparison; a chance finding only holds a promotion up until the next one."""
_MOST_ANSWERS = 50
_OTHER = "\0other"


@dataclass(frozen=True, slots=True)
class Presence:
    """Matured predictions, and those with a label, by factor and by answer."""

    counts: Mapping[Factor, Mapping[str, tuple[int, int]]] = field(default_factory=dict)


def count_presence(presence: Presence, answers: Mapping[Arm, str], *, labelled: bool) -> Presence:
    """Count one matured request by what the arms answered."""
    if not answers:
        return presence
    counts = dict(presence.counts)
    for factor, answer in _levels(answers):
        levels = dict(counts.get(factor, {}))
        level = answer if answer in levels or len(levels) < _MOST_ANSWERS else _OTHER
        matured, with_label = levels.get(level, (0, 0))
        levels[level] = (matured + 1, with_label + labelled)
        counts[factor] = levels
    return Presence(counts)


def depends_on(presence: Presence, margin: float) -> Factor | None:
    """Return what the share of labels depends on, beyond chance and enough to matter; None if nothing.

    Each answer's share is held against the share of all others by Fisher's exact test, two-sided, with
    Bonferroni's correction. It matters where a tenth of the margin may be missing because of it.
    """
    comparisons = list(_comparisons(presence))
    for factor, matured, labelled, others, others_labelled in comparisons:
        gap = abs(labelled / matured - others_labelled / others)
        if gap * matured / (matured + others) < margin / 10 or gap == 0:
            continue
        missing, others_missing = matured - labelled, others - others_labelled
        p_value = 2 * min(
            fisher(missing, matured, others_missing, others), fisher(others_missing, others, missing, matured)
        )
        if p_value * len(comparisons) <= ALPHA:
            return factor
    return None


def _levels(answers: Mapping[Arm, str]) -> Iterator[tuple[Factor, str]]:
    yield from answers.items()
    if len(answers) == 2:
        yield "agreement", "agree" if answers["champion"] == answers["challenger"] else "differ"


def _comparisons(presence: Presence) -> Iterator[tuple[Factor, int, int, int, int]]:
    """Yield each answer's predictions and labels, and those of all others; of two answers one is enough."""
    for factor, levels in presence.counts.items():
        matured = sum(counts[0] for counts in levels.values())
        labelled = sum(counts[1] for counts in levels.values())
        for own, own_labelled in list(levels.values())[: 1 if len(levels) == 2 else None]:
            if own < matured:
                yield factor, own, own_labelled, matured - own, labelled - own_labelled
