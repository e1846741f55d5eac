"""The event of a verdict, with every number it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Literal

from eventing import catalogue as c
from eventing.event import Event, answer
from functions.judge_rollout.evidence import Arms
from functions.judge_rollout.guards import Breach
from functions.judge_rollout.policy import Policy
from functions.judge_rollout.rollouts import FUNCTION
from functions.judge_rollout.verdict import Inconclusive, Numbers, Promote, RollBack

Reason = Literal["evidence", "guard", "coverage", "labels", "deadline"]


def verdict_event(
    event: Event,
    arms: Arms,
    policy: Policy,
    verdict: Promote | RollBack | Inconclusive | Breach,
    numbers: Numbers,
    decided_from: c.DecisionInputs | None,
    now: datetime,
    wealth_history: Sequence[c.WealthPoint] = (),
) -> Event:
    """Build the event of a verdict."""
    breach = None
    scores = f"{numbers.labels} scores; the difference of loss is {_shown(numbers.difference)}"
    reason: Reason
    match verdict:
        case Promote(reason="evidence"):
            outcome, reason = c.RolloutOutcome.PROMOTED, "evidence"
            message = f"v{arms.challenger} is not worse than v{arms.champion} by {policy.margin:g}: {scores}"
        case Promote():
            outcome, reason = c.RolloutOutcome.PROMOTED, verdict.reason
            message = (
                f"v{arms.challenger} was not shown to be worse than v{arms.champion} within "
                f"{policy.deadline} and goes on serving: {scores}"
            )
        case RollBack():
            outcome, reason = c.RolloutOutcome.ROLLED_BACK, "evidence"
            by = f" by more than {policy.margin:g}" if arms.phase is c.RolloutPhase.PROBATION else ""
            message = f"v{arms.challenger} is worse than v{arms.champion}{by}: {scores}"
        case Inconclusive(reason="coverage"):
            outcome, reason = c.RolloutOutcome.INCONCLUSIVE, "coverage"
            message = (
                "labels are missing unequally: "
                f"{_shown(numbers.coverage_champion)} of v{arms.champion}'s predictions have one, "
                f"{_shown(numbers.coverage_challenger)} of v{arms.challenger}'s"
            )
        case Inconclusive(reason="labels"):
            outcome, reason = c.RolloutOutcome.INCONCLUSIVE, "labels"
            message = f"labels depend on the decision: {_selection(arms, numbers)}"
            if policy.randomised is None:
                message += "; with labels.randomised in model.yaml a share is asked for whatever is answered"
        case Inconclusive():
            outcome, reason = c.RolloutOutcome.INCONCLUSIVE, "deadline"
            message = f"no verdict within {policy.deadline}: {scores}"
        case Breach():
            outcome, reason = c.RolloutOutcome.ROLLED_BACK, "guard"
            breach = c.GuardBreach.model_validate(asdict(verdict))
            message = (
                f"{verdict.guard}: v{arms.challenger} has {verdict.challenger:.4g}, "
                f"v{arms.champion} {verdict.champion:.4g}"
            )
    decided = c.RolloutDecided(
        model=arms.model,
        version=arms.challenger,
        champion_version=arms.champion,
        phase=arms.phase,
        outcome=outcome,
        reason=reason,
        alpha=policy.alpha,
        margin=policy.margin,
        loss_unit=policy.loss_unit,
        breach=breach,
        wealth_history=list(wealth_history),
        message=message,
        decided_from=decided_from,
        **asdict(numbers),
    )
    subject = f"{arms.model}/v{arms.challenger}"
    return answer(event, c.RolloutDecided.type, c.source_of(FUNCTION), subject, decided, now=now)


def _selection(arms: Arms, numbers: Numbers) -> str:
    if numbers.labels_depend_on == "agreement":
        return f"their share is another where v{arms.champion} and v{arms.challenger} differ"
    version = arms.champion if numbers.labels_depend_on == "champion" else arms.challenger
    return f"whether a prediction has one hangs on what v{version} answers"


def _shown(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4f}"
