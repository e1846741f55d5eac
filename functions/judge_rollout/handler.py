"""A rollout starts, moves or ends; labels were joined; or it is time to check. Event in, outcome out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session, sessionmaker

from eventing import catalogue as c
from eventing.clock import Clock
from eventing.errors import Rejected
from eventing.event import Event
from eventing.store import Store
from functions.judge_rollout.check import RolloutCheck
from functions.judge_rollout.rollouts import FUNCTION, advanced, completed, started
from functions.state.handled import write_once


@dataclass(frozen=True)
class Handler:
    """Callable with (event, payload); returns the events that answer it."""

    sessions: sessionmaker[Session]
    store: Store
    clock: Clock

    def __call__(self, event: Event, payload: c.Payload) -> list[Event]:
        """Follow the rollout, or judge it."""
        now = self.clock()
        check = RolloutCheck(self.sessions, self.store, now)
        match payload:
            case c.FeedbackJoined():
                return check.at_labels(event, payload.model, payload.through)
            case c.TimerDue() if payload.owner == FUNCTION:
                return check.at_time(event, payload.key.partition("/")[0])
            case c.RolloutStarted():
                return self._note(event, lambda session: started(session, event, payload, now))
            case c.RolloutAdvanced():
                return self._note(event, lambda session: advanced(session, event, payload, now))
            case c.RolloutCompleted():
                return self._note(event, lambda session: completed(session, event, payload, now))
        raise Rejected("this timer is another function's")

    def _note(self, event: Event, work: Callable[[Session], None]) -> list[Event]:
        def write(session: Session) -> list[Event]:
            work(session)
            return []

        return write_once(self.sessions, FUNCTION, event, write, now=self.clock())
