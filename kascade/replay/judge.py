"""Decides each rollout's verdict anew, as far as the numbers in the event go.

A bet's wealth is a path over the labels, and the event has its last value. So another margin, or a threshold
that is easier to reach, cannot be judged from the event: an earlier label might have decided. A threshold
that is harder to reach, more labels, or more time can be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from eventing import catalogue as kinds
from kascade.replay.comparison import Compared, undecidable
from kascade.replay.policies import Policies
from kascade.replay.recording import Recorded
from pipelines.spec import Rollout

_EPSILON = 1e-12


def replay_judge(log: Sequence[Recorded], policies: Policies) -> Iterator[Compared]:
    """Yield every verdict of a judge beside the one under the policy in force when its rollout started."""
    started: dict[tuple[str, int], datetime] = {}
    entered: dict[tuple[str, int], datetime] = {}
    for row in log:
        if row.event.type in (kinds.ROLLOUT_STARTED, kinds.ROLLOUT_ADVANCED):
            key = row.model, int(row.data["version"])
            entered[key] = row.happened
            if row.event.type == kinds.ROLLOUT_STARTED:
                started[key] = row.happened
        if row.event.type != kinds.ROLLOUT_DECIDED:
            continue
        decided = kinds.RolloutDecided.model_validate(row.data)
        key = row.model, decided.version
        in_force = policies.at(row.model, started.get(key, row.happened))
        if in_force is not None:
            yield decide(row, decided, in_force.spec.rollout, entered.get(key))


def decide(row: Recorded, decided: kinds.RolloutDecided, policy: Rollout, began: datetime | None) -> Compared:
    """Return one verdict beside the one under `policy`.

    Args:
        began: when the phase started; None when the log does not say, then no deadline is looked at.
    """
    words = f"{decided.outcome} ({decided.reason})"
    made = Compared(
        row.happened,
        row.model,
        "judge",
        f"{row.event.subject or row.model} {decided.phase}",
        words,
        words,
        decided.reason,
        decided.message,
    )
    if decided.reason == "guard":
        return made  # service guards have no key in model.yaml
    missing = _missing(decided, policy)
    if missing is not None:
        return undecidable(made, missing)
    if decided.reason in ("deadline", "coverage"):
        return _at_deadline(made, row, policy, began)
    return _by_evidence(made, decided, policy)


def _missing(decided: kinds.RolloutDecided, policy: Rollout) -> str | None:
    """Say why the event does not hold what another policy needs, or None."""
    if abs(policy.margin - decided.margin) > _EPSILON:
        return (
            f"rollout.margin {policy.margin:g} in place of {decided.margin:g} changes every bet, "
            "so it takes the labels"
        )
    if policy.alpha > decided.alpha + _EPSILON:
        return (
            f"rollout.alpha {policy.alpha:g} in place of {decided.alpha:g} may have decided at an earlier "
            "label, so it takes the labels"
        )
    gap = _gap(decided)
    promoted = decided.outcome is kinds.RolloutOutcome.PROMOTED
    if decided.reason == "coverage" and policy.strict:
        return "with rollout.strict missing labels are scored, so it takes the predictions"
    if promoted and not policy.strict and gap > decided.margin / 2 + _EPSILON:
        return "without rollout.strict missing labels are not scored, so it takes the predictions"
    return None


def _at_deadline(made: Compared, row: Recorded, policy: Rollout, began: datetime | None) -> Compared:
    if began is None or row.happened - began >= policy.deadline:
        return made
    left = policy.deadline - (row.happened - began)
    return replace(made, replayed="waits", rule="deadline", why=f"rollout.deadline leaves {left} more")


def _by_evidence(made: Compared, decided: kinds.RolloutDecided, policy: Rollout) -> Compared:
    threshold = 1.0 / policy.alpha
    rolled_back = decided.outcome is kinds.RolloutOutcome.ROLLED_BACK
    wealth = decided.wealth_worse if rolled_back else decided.wealth_better
    if wealth < threshold * (1 - _EPSILON):
        why = f"wealth {wealth:.4g} is below {threshold:.4g} (rollout.alpha)"
        return replace(made, replayed="waits", rule="alpha", why=why)
    if not rolled_back and decided.labels < policy.min_labels:
        why = f"{decided.labels} labels are fewer than {policy.min_labels} (rollout.min_labels)"
        return replace(made, replayed="waits", rule="min_labels", why=why)
    return made


def _gap(decided: kinds.RolloutDecided) -> float:
    if decided.coverage_champion is None or decided.coverage_challenger is None:
        return 0.0
    return abs(decided.coverage_champion - decided.coverage_challenger)
