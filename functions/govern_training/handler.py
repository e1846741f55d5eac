"""Takes an event to its model's governor, once, while no other event about that model is handled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import TimerDue
from eventing.clock import Clock
from eventing.event import Event
from functions.govern_training.apply_event import model_of
from functions.govern_training.ended_jobs import JOB_CHANGES, failures_by_job
from functions.govern_training.event_context import FUNCTION, EventContext
from functions.govern_training.govern import govern
from functions.govern_training.records import SpecInForce
from functions.govern_training.settings import Settings
from functions.state.database import transaction
from functions.state.governor import lock_model
from functions.state.handled import write_once


@dataclass(frozen=True)
class Handler:
    """Callable with (event, payload), the Job itself where one changed; returns the events that answer it."""

    settings: Settings
    sessions: sessionmaker[Session]
    spec_of: Callable[[Session, str], SpecInForce | None]
    clock: Clock
    code_digest: str

    def __call__(self, event: Event, payload: Any) -> list[Event]:
        """Govern, or return the answers of the first time."""
        now = self.clock()
        if event.type in JOB_CHANGES:
            with transaction(self.sessions, read_only=True) as session:
                return failures_by_job(session, event, now)
        model = model_of(payload)
        if isinstance(payload, TimerDue):  # ring_timers may have a clock that is ahead of this one
            now = max(now, payload.due)

        def write(session: Session) -> list[Event]:
            at = min(event.time or now, now)
            row, spec = lock_model(session, model), self.spec_of(session, model)
            context = EventContext(session, self.settings, row, spec, event, at, now)
            return govern(context, payload, self.code_digest)

        return write_once(self.sessions, FUNCTION, event, write, now=now)
