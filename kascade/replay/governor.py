"""Feeds a log into the real governor, over a database of its own, and compares what it says.

The clock shows the recorded moments. A timer of the sandbox rings when its recorded event comes, or at its
due time where there is none. What runs, gates and rollouts came to is as recorded, whatever is replayed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError
from sqlalchemy.orm import Session

from eventing import catalogue as kinds
from eventing.errors import HandlingError
from eventing.event import CAUSATION, Event
from functions.govern_training.app import ACCEPTS
from functions.govern_training.handler import Handler
from functions.govern_training.observe import FUNCTION, SOURCE
from functions.govern_training.settings import Settings
from functions.ring_timers.logic import timer_due
from functions.state import ledger, timers
from functions.state.database import insert_if_absent, make_engine, session_factory, transaction
from functions.state.labels import JoinedLabel
from functions.state.tables import create_tables
from functions.state.versions import Fact, record_fact
from kascade.replay.comparison import NOTHING, Compared
from kascade.replay.moments import moments
from kascade.replay.policies import Policies
from kascade.replay.recording import Recorded

DECISIONS = (kinds.TRAINING_APPROVED, kinds.TRAINING_DEFERRED)
SAME_TIMER = timedelta(seconds=30)
SAME_TIME = timedelta(seconds=10)
_UNKNOWN = "0" * 64


def replay_governor(log: Sequence[Recorded], policies: Policies) -> list[Compared]:
    """Return each decision about a training beside what the governor decides under the policies."""
    heard = [row for row in log if _is_heard(row)]
    sandbox = Sandbox(policies, _codes(log), moments(log, heard))
    try:
        said = list(sandbox.play(log, heard))
    finally:
        sandbox.close()
    recorded = [row.event for row in log if row.event.type in DECISIONS and row.event.source == SOURCE]
    return list(_compare(recorded, [event for event in said if event.type in DECISIONS]))


def _is_heard(row: Recorded) -> bool:
    if row.event.type not in ACCEPTS:
        return False
    return row.event.type != kinds.TIMER_DUE or row.data.get("owner") == FUNCTION


def _codes(log: Sequence[Recorded]) -> list[tuple[datetime, str]]:
    """Return since when which training code was installed, as far as completed runs tell."""
    made = {
        (row.model, row.data["version"]): str(row.data["code_digest"])
        for row in log
        if row.event.type == kinds.TRAINING_COMPLETED
    }
    return [
        (row.happened, made[row.model, row.data["version"]])
        for row in log
        if row.event.type == kinds.TRAINING_APPROVED and (row.model, row.data["version"]) in made
    ]


class Sandbox:
    """A governor with a database in memory and a clock that shows what it is told."""

    def __init__(
        self, policies: Policies, codes: Sequence[tuple[datetime, str]], moments: dict[str, datetime]
    ) -> None:
        self._engine = make_engine("sqlite://")
        create_tables(self._engine)
        self._sessions = session_factory(self._engine)
        self._now = datetime.min.replace(tzinfo=UTC)
        self._codes, self._moments = codes, moments
        self._handler = Handler(
            Settings("sqlite://"),
            self._sessions,
            lambda session, model: policies.at(model, self._now),
            lambda: self._now,
            _UNKNOWN,
        )
        self._rung: list[Recorded] = []

    def close(self) -> None:
        """Forget everything."""
        self._engine.dispose()

    def play(self, log: Sequence[Recorded], heard: Sequence[Recorded]) -> Iterator[Event]:
        """Feed the log in the order it was handled; yield what the governor says."""
        fed = {row.event.id for row in heard}
        self._rung = [row for row in heard if row.event.type == kinds.TIMER_DUE]
        # Single labels come by the thousand, and no dataset is caused by one.
        told = [row for row in log if row.event.type != kinds.FEEDBACK_RECEIVED]
        for row in sorted(told, key=lambda each: (self._moments[each.event.id], each.seq)):
            moment = self._moments[row.event.id]
            yield from self._ring_until(moment)
            self._now = max(self._now, moment)
            with transaction(self._sessions) as session:
                ledger.append(session, row.event, self._now)
                _note_labels(session, row)
                _note_end(session, row, self._now)
            if row.event.id in fed and self._is_expected(row):
                yield from self._deliver(row.event)

    def _ring_until(self, moment: datetime) -> Iterator[Event]:
        """Ring the timers that are due and have no recorded event of their own, each at its time."""
        while True:
            with transaction(self._sessions, read_only=True) as session:
                waiting = [each for each in timers.due(session, moment, 100) if not self._has_record(each)]
            if not waiting:
                return
            timer = waiting[0]
            with transaction(self._sessions) as session:
                timers.mark_rung(session, timer)
            self._now = max(self._now, timer.due)
            yield from self._deliver(timer_due(timer, self._now))

    def _has_record(self, timer: timers.Timer) -> bool:
        return any(
            row.data["key"] == timer.key and abs(_due(row) - timer.due) <= SAME_TIMER for row in self._rung
        )

    def _is_expected(self, row: Recorded) -> bool:
        """Take a recorded timer's row away; one that was never set here is rung only if that does no harm."""
        if row.event.type != kinds.TIMER_DUE:
            return True
        self._rung.remove(row)
        key = str(row.data["key"])
        with transaction(self._sessions) as session:
            known = session.get(timers.TimerRow, (FUNCTION, key))
            if known is None or known.due > _due(row) + SAME_TIMER:
                return not key.endswith("/age")
            timers.cancel_timer(session, FUNCTION, key)
        return True

    def _deliver(self, event: Event) -> list[Event]:
        try:
            payload = ACCEPTS[event.type].model_validate(event.data)
            handler = replace(self._handler, code_digest=self._code())
            return handler(event, payload)
        except (HandlingError, ValidationError):
            return []  # it went to the dead letter sink then, and does so now

    def _code(self) -> str:
        past = [digest for since, digest in self._codes if since <= self._now]
        return past[-1] if past else (self._codes[0][1] if self._codes else _UNKNOWN)


def _note_labels(session: Session, row: Recorded) -> None:
    """Let the governor see that labels came: one stands for all of a joining."""
    if row.event.type != kinds.FEEDBACK_JOINED or not row.data.get("joined"):
        return
    joined = kinds.FeedbackJoined.model_validate(row.data)
    values = {
        "model": joined.model,
        "prediction_id": row.event.id,
        "at": joined.through,
        "version": joined.versions[-1].version if joined.versions else 1,
        "value": None,
        "label_id": row.event.id,
        "received_at": joined.through,
        "release": None,
    }
    insert_if_absent(session, JoinedLabel, values)


def _note_end(session: Session, row: Recorded, now: datetime) -> None:
    """Let the governor see who is champion."""
    if row.event.type == kinds.ROLLOUT_COMPLETED:
        ended = kinds.RolloutCompleted.model_validate(row.data)
        record_fact(session, ended.model, ended.version, Fact(ended.outcome.value), row.event.id, now)


@dataclass(frozen=True)
class _Decision:
    kind: str
    rule: str
    reason: str
    message: str
    at: datetime
    model: str

    @property
    def words(self) -> str:
        return f"{self.kind} ({self.rule}, {self.reason})"


def _compare(recorded: Sequence[Event], replayed: Sequence[Event]) -> Iterator[Compared]:
    """Pair decisions by the event they answer; several answers to one in the order of their times."""
    then, now = _by_cause(recorded), _by_cause(replayed)
    for cause in {**then, **now}:
        old, new = then.get(cause, []), now.get(cause, [])
        for place in range(max(len(old), len(new))):
            yield _pair(old[place] if place < len(old) else None, new[place] if place < len(new) else None)


def _pair(old: _Decision | None, new: _Decision | None) -> Compared:
    known = old or new
    if known is None:
        raise ValueError("a pair has at least one side")
    late = old is not None and new is not None and abs(old.at - new.at) > SAME_TIME
    was, would = old.words if old else NOTHING, new.words if new else NOTHING
    if late and old is not None and new is not None and was == would:
        would = f"{would} at {new.at.isoformat(timespec='seconds')}"
    why = new.message if new else "nothing is decided by the end of the log, or another event decides it"
    return Compared(known.at, known.model, "governor", known.model, was, would, new.rule if new else "", why)


def _by_cause(events: Sequence[Event]) -> dict[str, list[_Decision]]:
    found: dict[str, dict[str, _Decision]] = {}
    for event in events:
        made = _decision(event)
        found.setdefault(event.extensions.get(CAUSATION, ""), {}).setdefault(event.id, made)
    return {cause: sorted(made.values(), key=lambda each: each.at) for cause, made in found.items()}


def _decision(event: Event) -> _Decision:
    data, at = event.data, event.time or datetime.min.replace(tzinfo=UTC)
    if event.type == kinds.TRAINING_APPROVED:
        return _Decision("approved", data["rule"], data["reason"], "nothing objects", at, data["model"])
    kind = "refused" if data.get("refused") else "waits"
    return _Decision(kind, data["rule"], data["reason"], data["message"], at, data["model"])


def _due(row: Recorded) -> datetime:
    return kinds.TimerDue.model_validate(row.data).due
