"""Looks at a rollout: takes in what has matured, guards the service, and says a verdict once a phase.

The log is read between two transactions. The second finds out whether the judge is still as it was read, and
else all is done over.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session, sessionmaker

from eventing import catalogue as c
from eventing.catalogue import Claim
from eventing.event import Event
from eventing.store import Store
from functions.inferences.scoring import load_scoring
from functions.judge_rollout import fixed
from functions.judge_rollout.course import FUNCTION, interval, look_key
from functions.judge_rollout.evidence import Arms, Period, read_period, requests_of, services_of
from functions.judge_rollout.guards import Breach, GuardPolicy, check
from functions.judge_rollout.logic import advance, judge, numbers_of
from functions.judge_rollout.policy import Policy
from functions.judge_rollout.state import Judge, from_json, to_json
from functions.judge_rollout.telling import breach_event, verdict_event
from functions.judge_rollout.verdict import Wait
from functions.state.handled import Stale, handle_once
from functions.state.judges import JudgeRow, lock_judge
from functions.state.labels import joined_through
from functions.state.timers import set_timer
from functions.state.versions import get_version

# The log of predictions is written within a few seconds; younger answers are guarded at the next look.
_SETTLED = timedelta(seconds=3)
GUARDS = GuardPolicy()


@dataclass(frozen=True)
class Matured:
    """What has matured since the last look: the log's files, their labels, and what scores them."""

    period: Period
    card: Claim
    through: datetime
    fresh: bool


@dataclass(frozen=True)
class Seen:
    """A judge as it was read or, after the look, as it is to be.

    Attributes:
        row: the judge's row as it was read.
        state: what it knows.
        heard: it knows of every label that matured by then.
        matured: what is to be taken in, if anything.
        served: the files of the log by which the service is guarded, if there are enough requests.
        guarded: until when it is guarded then.
        breach: what the guard found.
    """

    row: JudgeRow
    arms: Arms
    policy: Policy
    state: Judge
    heard: datetime
    matured: Matured | None
    served: Period | None
    guarded: datetime | None
    breach: Breach | None = None

    @property
    def looks(self) -> int:
        """How often the service has been guarded."""
        return self.row.looks + (self.served is not None)


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
        return self._look(event, model, None)

    def _look(self, event: Event, model: str, through: datetime | None) -> list[Event]:
        return handle_once(
            self.sessions,
            FUNCTION,
            event,
            read=lambda session: self._read(session, model, through or joined_through(session, model)),
            work=lambda seen: self._take_in(seen) if seen else None,
            write=lambda session, seen: self._record(session, event, model, seen) if seen else [],
            now=self.now,
        )

    def _read(self, session: Session, model: str, through: datetime | None) -> Seen | None:
        row = session.get(JudgeRow, model)
        if row is None or row.version is None or row.decided or row.policy is None or row.state is None:
            return None
        arms = Arms(model, row.champion_version or 0, row.version, c.RolloutPhase(row.phase or "shadow"))
        policy, state = fixed.from_json(row.policy), from_json(row.state)
        heard = self.now - policy.grace if through is None else max(through, self.now - policy.grace)
        matured = self._matured(session, arms, policy, state, through)
        served = self._served(session, arms, state, row)
        guarded = row.guarded_through if served is None else served.last
        return Seen(row, arms, policy, state, heard, matured, served, guarded)

    def _matured(
        self, session: Session, arms: Arms, policy: Policy, state: Judge, through: datetime | None
    ) -> Matured | None:
        champion = get_version(session, arms.model, arms.champion)
        if through is None or champion is None:
            return None
        first = state.through[0] if state.through else state.phase_at
        last = through - policy.label_window
        if last < first:
            return None
        period = read_period(session, arms, first, last)
        fresh = state.through is None
        answered = any(arm == "challenger" for arm, _ in period.batches)
        if not period.batches or (fresh and not answered and arms.phase is c.RolloutPhase.SHADOW):
            return None
        return Matured(period, champion.card, through, fresh)

    def _served(self, session: Session, arms: Arms, state: Judge, row: JudgeRow) -> Period | None:
        """Return what was served since the service was last guarded; a shadow's answers reach no client."""
        if arms.phase is not c.RolloutPhase.CANARY:
            return None
        first, last = row.guarded_through or state.phase_at, self.now - _SETTLED
        if last <= first:
            return None
        period = read_period(session, arms, first, last)
        inside = [(arm, batch) for arm, batch in period.batches if first < batch.last <= last]
        requests = {"champion": 0, "challenger": 0}
        for arm, batch in inside:
            requests[arm] += batch.rows + batch.failures
        return None if min(requests.values()) < GUARDS.min_requests else replace(period, batches=inside)

    def _take_in(self, seen: Seen) -> Seen:
        """Read the log: score what has matured, and compare the arms' service."""
        state, breach, matured = seen.state, None, seen.matured
        if matured is not None:
            scoring = load_scoring(self.store, matured.card)
            requests = requests_of(
                self.store, seen.arms, matured.period, scoring, now=self.now, fresh=matured.fresh
            )
            state = advance(seen.policy, state, requests, matured.through)
        if seen.served is not None:
            services = services_of(self.store, seen.served.batches)
            breach = check(GUARDS, services["champion"], services["challenger"], look=seen.looks)
        return replace(seen, state=state, breach=breach)

    def _record(self, session: Session, event: Event, model: str, seen: Seen) -> list[Event]:
        row = lock_judge(session, model)
        if row.version != seen.arms.challenger or row.state != seen.row.state or row.decided:
            raise Stale(f"the judge of {model} is at work on another event")
        row.state, row.looks, row.guarded_through = to_json(seen.state), seen.looks, seen.guarded
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
