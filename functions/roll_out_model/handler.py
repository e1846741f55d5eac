"""Takes an approval, a verdict, a person's request or a rollout's timer as far as it goes now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import RolloutRequested, TimerDue
from eventing.errors import Rejected
from eventing.event import Event
from functions.roll_out_model.conduct import Conduct, Done, Plan
from functions.roll_out_model.logic import FUNCTION
from functions.roll_out_model.records import Moment, read_scene
from functions.roll_out_model.requests import Payload
from functions.state.database import transaction
from functions.state.handled import handle_once


@dataclass(frozen=True)
class Handler:
    """Callable with (event, payload); the platform is only spoken to between two transactions."""

    conduct: Conduct
    sessions: sessionmaker[Session]
    clock: Callable[[], datetime]

    def __call__(self, event: Event, payload: Payload) -> list[Event]:
        """Return rollout.started, rollout.advanced and rollout.completed as they come about."""
        moment = Moment(event, self.clock())
        model = payload.key if isinstance(payload, TimerDue) else payload.model

        def read(session: Session) -> Plan:
            return self.conduct.plan(session, read_scene(session, model), payload, moment)

        def write(session: Session, done: Done) -> list[Event]:
            # A phase is said to have begun once the platform has it.
            return self.conduct.record(session, done, Moment(event, self.clock()))

        def look_now(session: Session) -> None:
            self.conduct.look_now(session, model, moment)

        try:
            return handle_once(
                self.sessions,
                FUNCTION,
                event,
                read=read,
                work=lambda plan: self.conduct.carry_out(plan, moment),
                write=write,
                stale=look_now,
                attempts=1,  # by the next delivery the other one is through with the platform
                now=moment.now,
            )
        except Rejected:
            # A person's request is also refused when it died amid its work and the rollout has ended since.
            if isinstance(payload, RolloutRequested):
                with transaction(self.sessions) as session:
                    look_now(session)
            raise
