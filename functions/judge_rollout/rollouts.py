"""Follows a rollout: it starts, enters its next phase, and ends.

Events may come late, twice or in another order. The facts about a version say which rollout ended, so an
event from before that end is passed over; one that comes too early is delivered again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from eventing import catalogue as c
from eventing.catalogue import Claim
from eventing.errors import RetryLater
from eventing.event import Event
from functions.judge_rollout.past import blocks_of_past, past_losses
from functions.judge_rollout.phases import begin, enter_phase
from functions.judge_rollout.policy import Policy, Terms, policy_from_json, policy_of, policy_to_json
from functions.judge_rollout.state import LoggedAnswers, state_from_json, state_to_json
from functions.state.judges import JudgeRow, lock_judge
from functions.state.specs import spec_of
from functions.state.stored_event import dump_event
from functions.state.timers import cancel_timer, set_timer
from functions.state.versions import Fact, facts_of, get_version

FUNCTION = "judge_rollout"
_ENDS = frozenset({Fact.PROMOTED.value, Fact.ROLLED_BACK.value, Fact.INCONCLUSIVE.value})


def timer_key(model: str) -> str:
    """Return the key of the timer at which a model's rollout is checked, labels or not."""
    return f"{model}/look"


def interval(policy: Policy) -> timedelta:
    """Return the pause between two checks without labels."""
    return min(max(policy.deadline / 50, timedelta(seconds=1)), timedelta(minutes=1))


def requests_per_score(policy: Policy, phase: c.RolloutPhase) -> int:
    """Return how many requests make one score, about: in a canary a group of both arms."""
    return policy.group + 1 if phase is c.RolloutPhase.CANARY else 1


def cards_of(session: Session, payload: c.RolloutStarted) -> tuple[Claim, Claim] | None:
    """Return the cards of both versions, the newer first; None where nothing is judged."""
    champion = payload.champion_version
    if payload.phase is c.RolloutPhase.REPLACE or champion is None:
        return None
    newest, other = (
        get_version(session, payload.model, each)
        for each in sorted((payload.version, champion), reverse=True)
    )
    return None if newest is None or other is None else (newest.card, other.card)


def started(session: Session, event: Event, payload: c.RolloutStarted, terms: Terms, now: datetime) -> None:
    """Begin to judge a rollout. Raises: RetryLater while another one is judged."""
    champion = payload.champion_version
    if payload.phase is c.RolloutPhase.REPLACE or champion is None:
        return
    at = event.time or now
    row = lock_judge(session, payload.model)
    if _ended(session, payload.model, payload.version, at):
        return
    if row.version is not None and row.version != payload.version:
        raise RetryLater(f"the rollout of {payload.model}/v{row.version} is not over here")
    if (since := _since(row)) is not None and not _ended(session, payload.model, payload.version, since):
        return
    spec = spec_of(session, payload.model)
    policy = policy_of(spec, terms) if spec else Policy()
    row.version, row.champion_version, row.phase = payload.version, champion, payload.phase.value
    probation, logged = payload.phase is c.RolloutPhase.PROBATION, _logged_answers(payload)
    # The length of blocks is never learnt from what is bet on.
    past = past_losses(session, payload.model, policy, at if logged is None else min(at, logged.since))
    state = begin(
        policy,
        at,
        blocks_of_past(past),
        len(past),
        per_score=requests_per_score(policy, payload.phase),
        probation=probation,
        logged=logged,
    )
    row.policy, row.state = policy_to_json(policy), state_to_json(state)
    row.guard_checks, row.guarded_through, row.decided, row.wealth_history = 0, at, False, None
    row.cause = dump_event(Event(event.id, event.source, event.type, extensions=event.extensions))
    due = min(now + interval(policy), at + policy.deadline) if logged is None else now
    set_timer(session, FUNCTION, timer_key(payload.model), due, cause=event)


def _logged_answers(payload: c.RolloutStarted) -> LoggedAnswers | None:
    """Return the answers to logged requests; None where the log is of another champion."""
    shadow = payload.logged_shadow
    if shadow is None or shadow.champion_version != payload.champion_version:
        return None
    return LoggedAnswers(shadow.answers, shadow.since, shadow.through)


def advanced(session: Session, event: Event, payload: c.RolloutAdvanced, now: datetime) -> None:
    """Enter the next phase. Raises: RetryLater before the rollout's start."""
    at = event.time or now
    row = lock_judge(session, payload.model)
    if row.version != payload.version:
        if _ended(session, payload.model, payload.version, at):
            return
        raise RetryLater(f"the start of the rollout of {payload.model}/v{payload.version} has not come yet")
    if row.phase == payload.phase.value or row.policy is None or row.state is None:
        return
    policy = policy_from_json(row.policy)
    row.phase, row.decided, row.wealth_history = payload.phase.value, False, None
    per_score = requests_per_score(policy, payload.phase)
    row.state = state_to_json(enter_phase(policy, state_from_json(row.state), at, per_score=per_score))
    row.guarded_through = at
    due = min(now + interval(policy), at + policy.deadline)
    set_timer(session, FUNCTION, timer_key(payload.model), due, cause=event)


def completed(session: Session, event: Event, payload: c.RolloutCompleted, now: datetime) -> None:
    """Forget a rollout that is over, unless the version's next one has begun."""
    row = lock_judge(session, payload.model)
    since = _since(row)
    if row.version == payload.version and (since is None or (event.time or now) >= since):
        forget(session, row)


def forget(session: Session, row: JudgeRow) -> None:
    """Remove the rollout and its timer."""
    row.version = row.champion_version = row.phase = row.policy = row.state = row.cause = (
        row.wealth_history
    ) = None
    row.decided = False
    cancel_timer(session, FUNCTION, timer_key(row.model))


def _since(row: JudgeRow) -> datetime | None:
    return None if row.state is None else state_from_json(row.state).started_at


def _ended(session: Session, model: str, version: int, since: datetime) -> bool:
    return any(fact.fact in _ENDS and fact.at >= since for fact in facts_of(session, model, version))
