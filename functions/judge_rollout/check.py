"""Checks a rollout: takes in what has matured, guards the service, and gives a verdict once a phase.

The log is read between two transactions. The second finds out whether the judge is still as it was read, and
else all is done over.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session, sessionmaker

from eventing import catalogue as c
from eventing.catalogue import Claim
from eventing.clock import Clock
from eventing.event import Event
from eventing.store import Store
from functions.inferences.scoring import load_scoring
from functions.judge_rollout.events import verdict_event
from functions.judge_rollout.evidence import (
    Arms,
    Period,
    logged_requests_of,
    read_period,
    requests_of,
    services_of,
)
from functions.judge_rollout.guards import GUARDS, Services
from functions.judge_rollout.logic import Decision, Inputs, decide, numbers_of
from functions.judge_rollout.pairing import Matured
from functions.judge_rollout.policy import Policy, policy_from_json
from functions.judge_rollout.record import folder_of, record_requests, record_verdict
from functions.judge_rollout.rollouts import FUNCTION, interval, timer_key
from functions.judge_rollout.state import JudgeState, state_from_json, state_to_json
from functions.judge_rollout.verdict import Wait
from functions.judge_rollout.wealth_history import continued, points_of
from functions.state.handled import Stale, handle_once
from functions.state.judges import JudgeRow, lock_judge
from functions.state.labels import joined_through
from functions.state.timers import set_timer
from functions.state.versions import get_version
from pipelines.card import load_card

# The log of predictions is written within a few seconds; younger answers are guarded at the next check.
_LOG_DELAY = timedelta(seconds=3)


@dataclass(frozen=True)
class NewlyMatured:
    """What has matured since the last check: the log's files, their labels, and what scores them.

    Attributes:
        newest: the card of the newer version, by which errors count.
        logged: of before the rollout, as far as the challenger answered it from the log.
        live: of this phase.
        fresh: nothing of this phase was taken in before.
    """

    card: Claim
    newest: Claim
    logged: Period | None
    live: Period | None
    fresh: bool


@dataclass(frozen=True)
class Snapshot:
    """A judge as it was read.

    Attributes:
        row: the judge's row.
        state: what it knows.
        matured_by: with `matured` it knows whatever matured by then.
        matured: what has matured since, if anything.
        served: the files of the log by which the service is guarded, if there are enough requests.
    """

    row: JudgeRow
    arms: Arms
    policy: Policy
    state: JudgeState
    matured_by: datetime
    matured: NewlyMatured | None
    served: Period | None

    @property
    def periods(self) -> int:
        """How many periods the service has been guarded in, this check included."""
        return self.row.guard_checks + (self.served is not None)


@dataclass(frozen=True)
class CheckResult:
    """What a check came to; `decided_from` is recorded with a verdict, if the whole phase is on record."""

    snapshot: Snapshot
    decision: Decision
    decided_from: c.DecisionInputs | None = None


@dataclass(frozen=True)
class RolloutCheck:
    """The clients of one process, and the time at which the check began.

    The log may take long to read: a verdict has the time of `clock` at which it is given.
    """

    sessions: sessionmaker[Session]
    store: Store
    clock: Clock
    now: datetime

    def at_labels(self, event: Event, model: str, through: datetime) -> list[Event]:
        """Take in what matured by the time that every label is joined."""
        return self._run(event, model, through)

    def at_time(self, event: Event, model: str) -> list[Event]:
        """Guard the service, and end a rollout whose time is up."""
        return self._run(event, model, None)

    def _run(self, event: Event, model: str, through: datetime | None) -> list[Event]:
        return handle_once(
            self.sessions,
            FUNCTION,
            event,
            read=lambda session: self._read(session, model, through or joined_through(session, model)),
            work=lambda snapshot: self._decide(snapshot) if snapshot else None,
            write=lambda session, result: self._write(session, event, result) if result else [],
            now=self.now,
        )

    def _read(self, session: Session, model: str, through: datetime | None) -> Snapshot | None:
        row = session.get(JudgeRow, model)
        if row is None or row.version is None or row.decided or row.policy is None or row.state is None:
            return None
        arms = Arms(model, row.champion_version or 0, row.version, c.RolloutPhase(row.phase or "shadow"))
        policy, state = policy_from_json(row.policy), state_from_json(row.state)
        matured_by = self.now - policy.grace if through is None else max(through, self.now - policy.grace)
        matured = self._newly_matured(session, arms, policy, state, through)
        served = self._served(session, arms, state, row)
        return Snapshot(row, arms, policy, state, matured_by, matured, served)

    def _newly_matured(
        self, session: Session, arms: Arms, policy: Policy, state: JudgeState, through: datetime | None
    ) -> NewlyMatured | None:
        champion = get_version(session, arms.model, arms.champion)
        if through is None or champion is None:
            return None
        first, last = _taken_in(state), through - policy.label_window
        fresh = first < state.phase_at or state.through is None
        logged, live = _logged(session, arms, state, last), None
        if last >= max(first, state.phase_at):
            live = read_period(session, arms, max(first, state.phase_at), last)
            answered = arms.copied is None or any(arm == arms.copied for arm, _ in live.batches)
            if not live.batches or (fresh and not answered):
                live = None
        newest = get_version(session, arms.model, max(arms.champion, arms.challenger)) or champion
        found = NewlyMatured(champion.card, newest.card, logged, live, fresh)
        return None if logged is None and live is None else found

    def _served(self, session: Session, arms: Arms, state: JudgeState, row: JudgeRow) -> Period | None:
        """Return what was served since the service was last guarded; a shadow's answers reach no client.

        On probation the challenger alone serves: it is held against as long a time of the champion's before.
        """
        if arms.phase is c.RolloutPhase.SHADOW:
            return None
        first, last = row.guarded_through or state.phase_at, self.now - _LOG_DELAY
        if last <= first:
            return None
        clients = replace(arms, phase=c.RolloutPhase.CANARY)
        period = read_period(session, clients, first, last)
        inside = [(arm, batch) for arm, batch in period.batches if first < batch.last <= last]
        if arms.phase is c.RolloutPhase.PROBATION:
            before = read_period(session, clients, state.phase_at - (last - first), state.phase_at)
            inside = [each for each in inside if each[0] == "challenger"]
            inside += [each for each in before.batches if each[0] == "champion"]
        requests = {"champion": 0, "challenger": 0}
        for arm, batch in inside:
            requests[arm] += batch.rows + batch.failures
        return None if min(requests.values()) < GUARDS.min_requests else replace(period, batches=inside)

    def _decide(self, snapshot: Snapshot) -> CheckResult:
        """Read the log, score what has matured, and decide; keep what it is decided from."""
        arms, policy, matured = snapshot.arms, snapshot.policy, snapshot.matured
        inputs = Inputs(snapshot.state, snapshot.matured_by)
        if matured is not None:
            inputs = replace(inputs, requests=tuple(self._requests(snapshot, matured)))
        if snapshot.served is not None:
            services = services_of(self.store, snapshot.served.batches)
            at_once = arms.phase is c.RolloutPhase.CANARY
            both = Services(services["champion"], services["challenger"], snapshot.periods, at_once)
            inputs = replace(inputs, services=both)
        decision = decide(policy, inputs)
        folder = folder_of(arms.model, arms.challenger)
        state = record_requests(self.store, folder, inputs, decision.state)
        decided_from = None
        if not isinstance(decision.verdict, Wait):
            decided_from = record_verdict(self.store, folder, policy, inputs, state)
        return CheckResult(snapshot, replace(decision, state=state), decided_from)

    def _requests(self, snapshot: Snapshot, matured: NewlyMatured) -> list[Matured]:
        arms, state, store = snapshot.arms, snapshot.state, self.store
        scoring, found = load_scoring(store, matured.card), list[Matured]()
        scoring = scoring.counted_by(load_card(store, matured.newest))
        if matured.logged is not None and state.logged_answers is not None:
            found += logged_requests_of(store, matured.logged, scoring, state.logged_answers)
        if matured.live is not None:
            live = requests_of(store, arms, matured.live, scoring, now=self.now, fresh=matured.fresh)
            found += [each for each in live if each.at >= state.phase_at]
        return found

    def _write(self, session: Session, event: Event, result: CheckResult) -> list[Event]:
        snapshot, state, verdict = result.snapshot, result.decision.state, result.decision.verdict
        arms, policy = snapshot.arms, snapshot.policy
        row = lock_judge(session, arms.model)
        if row.version != arms.challenger or row.state != snapshot.row.state or row.decided:
            raise Stale(f"the judge of {arms.model} is at work on another event")
        numbers = numbers_of(policy, state)
        row.state, row.guard_checks = state_to_json(state), snapshot.periods
        row.wealth_history = continued(row.wealth_history, numbers)
        if snapshot.served is not None:
            row.guarded_through = snapshot.served.last
        if isinstance(verdict, Wait):
            due = self.now + interval(policy)
            if verdict.until > self.now:
                due = min(due, verdict.until)
            set_timer(session, FUNCTION, timer_key(arms.model), due, cause=event)
            return []
        row.decided = True
        history, given_at = points_of(row.wealth_history), self.clock()
        return [verdict_event(event, arms, policy, verdict, numbers, result.decided_from, given_at, history)]


def _taken_in(state: JudgeState) -> datetime:
    """Return until when predictions have been taken in."""
    return state.through[0] if state.through else state.counts_from


def _logged(session: Session, arms: Arms, state: JudgeState, last: datetime) -> Period | None:
    """Return what the champion served before the rollout, as far as it matured and is not taken in."""
    answers, first = state.logged_answers, _taken_in(state)
    if answers is None or min(answers.through, last) < first:
        return None
    shadow = replace(arms, phase=c.RolloutPhase.SHADOW)
    period = read_period(session, shadow, first, min(answers.through, last))
    served = [each for each in period.batches if each[0] == "champion"]
    return replace(period, batches=served) if served else None
