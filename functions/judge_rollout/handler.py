"""A rollout starts, moves or ends; labels were joined; or it is time to check. Event in, outcome out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session, sessionmaker

from eventing import catalogue as c
from eventing.catalogue import Claim
from eventing.clock import Clock
from eventing.errors import Rejected
from eventing.event import Event
from eventing.store import Store
from functions.judge_rollout.check import RolloutCheck
from functions.judge_rollout.policy import NO_TERMS, Terms, terms_of
from functions.judge_rollout.rollouts import FUNCTION, advanced, cards_of, completed, started
from functions.state.handled import handle_once, write_once
from pipelines.card import load_card


@dataclass(frozen=True)
class Handler:
    """Callable with (event, payload); returns the events that answer it."""

    sessions: sessionmaker[Session]
    store: Store
    clock: Clock

    def __call__(self, event: Event, payload: c.Payload) -> list[Event]:
        """Follow the rollout, or judge it."""
        now = self.clock()
        check = RolloutCheck(self.sessions, self.store, self.clock, now)
        match payload:
            case c.FeedbackJoined():
                return check.at_labels(event, payload.model, payload.through)
            case c.TimerDue() if payload.owner == FUNCTION:
                return check.at_time(event, payload.key.partition("/")[0])
            case c.RolloutStarted():
                return self._start(event, payload, now)
            case c.RolloutAdvanced():
                return self._note(event, lambda session: advanced(session, event, payload, now))
            case c.RolloutCompleted():
                return self._note(event, lambda session: completed(session, event, payload, now))
        raise Rejected("this timer is another function's")

    def _start(self, event: Event, payload: c.RolloutStarted, now: datetime) -> list[Event]:
        def work(cards: tuple[Claim, Claim] | None) -> Terms:
            return NO_TERMS if cards is None else terms_of(*(load_card(self.store, each) for each in cards))

        def write(session: Session, terms: Terms) -> list[Event]:
            started(session, event, payload, terms, now)
            return []

        return handle_once(
            self.sessions,
            FUNCTION,
            event,
            read=lambda session: cards_of(session, payload),
            work=work,
            write=write,
            now=now,
        )

    def _note(self, event: Event, work: Callable[[Session], None]) -> list[Event]:
        def write(session: Session) -> list[Event]:
            work(session)
            return []

        return write_once(self.sessions, FUNCTION, event, write, now=self.clock())
