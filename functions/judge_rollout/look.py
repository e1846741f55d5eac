"""Looks at a rollout: takes in what has matured, guards the service, and says a verdict once a phase.

The log is read between two transactions. The second finds out whether the judge is still as it was read, and
else leaves everything to be delivered again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from eventing import catalogue as c
from eventing.errors import RetryLater
from eventing.event import Event
from eventing.store import Store
from functions.inferences.scoring import load_scoring
from functions.judge_rollout import fixed
from functions.judge_rollout.course import FUNCTION, interval, look_key
from functions.judge_rollout.evidence import Arms, read_period, requests_of, services_of
from functions.judge_rollout.guards import Breach, GuardPolicy, check
from functions.judge_rollout.logic import advance, judge, numbers_of
from functions.judge_rollout.policy import Policy
from functions.judge_rollout.state import Judge, from_json, to_json
from functions.judge_rollout.telling import breach_event, verdict_event
from functions.judge_rollout.verdict import Wait
from functions.state.database import transaction
from functions.state.handled import once, remembered
from functions.state.judges import JudgeRow, lock_judge
from functions.state.labels import joined_through
from functions.state.timers import set_timer
from functions.state.versions import get_version

# The log of predictions is written within a few seconds; younger answers are guarded at the next look.
_SETTLED = timedelta(seconds=3)
GUARDS = GuardPolicy()


@dataclass(frozen=True)
class Seen:
    """A judge as it was read, and what it saw since."""

    arms: Arms
    policy: Policy
    before: dict[str, Any]
    state: Judge
    heard: datetime
    breach: Breach | None
    looks: int
    guarded_through: datetime | None


@dataclass(frozen=True)
class Look:
    """The clients of one process, and the time."""

    sessions: sessionmaker[Session]
    store: Store
    now: datetime

    def at_labels(self, event: Event, model: str, through: datetime) -> list[Event]:
        """Take in what matured by the time that every label is joined."""
        return self._look(event, model, through)

    def at_time(self, event: Event, model: str) -> list[Event]:
        """Guard the service, and end a rollout whose time is up."""
        with transaction(self.sessions, read_only=True) as session:
            through = joined_through(session, model)
        return self._look(event, model, through)

    def _look(self, event: Event, model: str, through: datetime | None) -> list[Event]:
        with transaction(self.sessions, read_only=True) as session:
            if (known := remembered(session, FUNCTION, event)) is not None:
                return known
            seen = self._see(session, model, through)
        with transaction(self.sessions) as session:
            return once(
                session, FUNCTION, event, lambda: self._record(session, event, model, seen), now=self.now
            )

    def _see(self, session: Session, model: str, through: datetime | None) -> Seen | None:
        row = session.get(JudgeRow, model)
        if row is None or row.version is None or row.decided or row.policy is None or row.state is None:
            return None
        arms = Arms(model, row.champion_version or 0, row.version, c.RolloutPhase(row.phase or "shadow"))
        policy, state = fixed.from_json(row.policy), from_json(row.state)
        if through is not None:
            state = self._take_in(session, arms, policy, state, through)
        breach, guarded = self._guard(session, arms, state, row)
        looks = row.looks + (guarded != row.guarded_through)
        heard = self.now - policy.grace if through is None else max(through, self.now - policy.grace)
        return Seen(arms, policy, dict(row.state), state, heard, breach, looks, guarded)

    def _take_in(
        self, session: Session, arms: Arms, policy: Policy, state: Judge, through: datetime
    ) -> Judge:
        first = state.through[0] if state.through else state.phase_at
        last = through - policy.label_window
        champion = get_version(session, arms.model, arms.champion)
        if last < first or champion is None:
            return state
        period = read_period(session, arms, first, last)
        fresh = state.through is None
        answered = any(arm == "challenger" for arm, _ in period.batches)
        if not period.batches or (fresh and not answered and arms.phase is c.RolloutPhase.SHADOW):
            return state
        scoring = load_scoring(self.store, champion.card)
        requests = requests_of(self.store, arms, period, scoring, now=self.now, fresh=fresh)
        return advance(policy, state, requests, through)

    def _guard(
        self, session: Session, arms: Arms, state: Judge, row: JudgeRow
    ) -> tuple[Breach | None, datetime | None]:
        """Compare the arms' service since the last look; a shadow's answers reach no client."""
        if arms.phase is not c.RolloutPhase.CANARY:
            return None, row.guarded_through
        first, last = row.guarded_through or state.phase_at, self.now - _SETTLED
        if last <= first:
            return None, row.guarded_through
        period = read_period(session, arms, first, last)
        inside = [(arm, batch) for arm, batch in period.batches if first < batch.last <= last]
        requests = {"champion": 0, "challenger": 0}
        for arm, batch in inside:
            requests[arm] += batch.rows + batch.failures
        if min(requests.values()) < GUARDS.min_requests:
            return None, row.guarded_through
        services = services_of(self.store, inside)
        breach = check(GUARDS, services["champion"], services["challenger"], look=row.looks + 1)
        return breach, last

    def _record(self, session: Session, event: Event, model: str, seen: Seen | None) -> list[Event]:
        if seen is None:
            return []
        row = lock_judge(session, model)
        if row.version != seen.arms.challenger or row.state != seen.before or row.decided:
            raise RetryLater(f"the judge of {model} is at work on another event")
        row.state, row.looks, row.guarded_through = to_json(seen.state), seen.looks, seen.guarded_through
        if seen.breach is not None:
            row.decided = True
            numbers = numbers_of(seen.policy, seen.state)
            return [breach_event(event, seen.arms, seen.policy, seen.breach, numbers, self.now)]
        verdict = judge(seen.policy, seen.state, seen.heard)
        if isinstance(verdict, Wait):
            due = self.now + interval(seen.policy)
            if verdict.until > self.now:
                due = min(due, verdict.until)
            set_timer(session, FUNCTION, look_key(model), due, cause=event)
            return []
        row.decided = True
        return [verdict_event(event, seen.arms, seen.policy, verdict, self.now)]
