"""How much a label counts where a share of labels is asked for at random (`labels.randomised`).

A payment that was blocked has a label only if it was asked for, with a chance of `randomised`; one that was
not blocked has one anyway. So a label counts by one over its chance (inverse propensity), here in units of
`randomised`: the first counts 1, the second `randomised`. Which answers get their labels anyway is learnt
from predictions of before that were not asked for: nearly each must have one. Of all other answers only the
labels count that were asked for at random, whatever labels came besides.

Horvitz & Thompson, Journal of the American Statistical Association 47 (1952).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from functions.judge_rollout.pairing import Matured
from functions.judge_rollout.policy import Policy
from pipelines.label_requests import is_asked

_LEAST = 50
"""Predictions of an answer that were not asked for, before it can be said to get its labels anyway."""
_MOST_ANSWERS = 500


@dataclass(frozen=True, slots=True)
class Unasked:
    """Matured predictions that were not asked for at random, and those with a label, by what was answered."""

    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def is_open(self, answer: str, missing: float) -> bool:
        """Say whether an answer gets its label anyway: at most a share of `missing` have none."""
        matured, labelled = self.counts.get(answer, (0, 0))
        return matured >= _LEAST and matured - labelled <= matured * missing


def answer_of(request: Matured) -> str:
    """Return what was answered, by both arms where both were asked."""
    return "\x1f".join(f"{arm}={answered}" for arm, answered in sorted(request.answers.items()))


def asked(policy: Policy, request: Matured) -> bool:
    """Say whether a label was asked for at random; without `randomised` each is."""
    return policy.randomised is None or is_asked(request.prediction_id, policy.randomised)


def weight_of(policy: Policy, unasked: Unasked, request: Matured) -> float:
    """Return by how much a request's label counts, in [0, 1], from what came before alone."""
    if policy.randomised is None:
        return 1.0
    if unasked.is_open(answer_of(request), policy.margin / 2):
        return policy.randomised
    return 1.0 if asked(policy, request) else 0.0


def count(policy: Policy, unasked: Unasked, request: Matured) -> Unasked:
    """Return the counts with one more request."""
    if asked(policy, request):
        return unasked
    answer = answer_of(request)
    if answer not in unasked.counts and len(unasked.counts) >= _MOST_ANSWERS:
        return unasked
    matured, labelled = unasked.counts.get(answer, (0, 0))
    has = any(loss is not None for loss in request.losses.values())
    return Unasked({**unasked.counts, answer: (matured + 1, labelled + has)})
