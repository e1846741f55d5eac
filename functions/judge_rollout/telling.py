"""Says a verdict, with every number it rests on."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal

from eventing import catalogue as c
from eventing.event import Event, answer
from functions.judge_rollout.course import FUNCTION
from functions.judge_rollout.evidence import Arms
from functions.judge_rollout.guards import Breach
from functions.judge_rollout.policy import Policy
from functions.judge_rollout.verdict import Inconclusive, Numbers, Promote, RollBack

Reason = Literal["evidence", "guard", "coverage", "deadline"]


def verdict_event(
    event: Event, arms: Arms, policy: Policy, verdict: Promote | RollBack | Inconclusive, now: datetime
) -> Event:
    """Build the event of a verdict on labels."""
    numbers = verdict.numbers
    told = f"{numbers.labels} scores; the difference of loss is {_shown(numbers.difference)}"
    match verdict:
        case Promote():
            outcome, reason = c.RolloutOutcome.PROMOTED, "evidence"
            message = f"v{arms.challenger} is not worse than v{arms.champion} by {policy.margin:g}: {told}"
        case RollBack():
            outcome, reason = c.RolloutOutcome.ROLLED_BACK, "evidence"
            message = f"v{arms.challenger} is worse than v{arms.champion}: {told}"
        case Inconclusive(reason="coverage"):
            outcome, reason = c.RolloutOutcome.INCONCLUSIVE, "coverage"
            message = (
                "labels are missing unequally: "
                f"{_shown(numbers.coverage_champion)} of v{arms.champion}'s predictions have one, "
                f"{_shown(numbers.coverage_challenger)} of v{arms.challenger}'s"
            )
        case _:
            outcome, reason = c.RolloutOutcome.INCONCLUSIVE, "deadline"
            message = f"no verdict within {policy.deadline}: {told}"
    return _event(event, arms, policy, outcome, reason, numbers, message, None, now)


def breach_event(
    event: Event, arms: Arms, policy: Policy, breach: Breach, numbers: Numbers, now: datetime
) -> Event:
    """Build the event of a broken service guard."""
    message = (
        f"{breach.guard}: v{arms.challenger} has {breach.challenger:.4g}, "
        f"v{arms.champion} {breach.champion:.4g}"
    )
    rolled_back = c.RolloutOutcome.ROLLED_BACK
    told = c.GuardBreach.model_validate(asdict(breach))
    return _event(event, arms, policy, rolled_back, "guard", numbers, message, told, now)


def _event(
    event: Event,
    arms: Arms,
    policy: Policy,
    outcome: c.RolloutOutcome,
    reason: Any,
    numbers: Numbers,
    message: str,
    breach: c.GuardBreach | None,
    now: datetime,
) -> Event:
    decided = c.RolloutDecided(
        model=arms.model,
        version=arms.challenger,
        champion_version=arms.champion,
        phase=arms.phase,
        outcome=outcome,
        reason=reason,
        alpha=policy.alpha,
        margin=policy.margin,
        breach=breach,
        message=message,
        **asdict(numbers),
    )
    subject = f"{arms.model}/v{arms.challenger}"
    return answer(event, c.ROLLOUT_DECIDED, c.source_of(FUNCTION), subject, decided, now=now)


def _shown(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4f}"
