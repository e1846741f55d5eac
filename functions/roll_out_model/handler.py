"""Takes an approval, a verdict, a person's request or a rollout's timer as far as it goes now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import TimerDue
from eventing.event import Event
from functions.roll_out_model.conduct import Conduct
from functions.roll_out_model.logic import FUNCTION
from functions.roll_out_model.records import Moment, read_scene
from functions.roll_out_model.requests import Payload
from functions.state.database import transaction
from functions.state.handled import once, remembered


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
        with transaction(self.sessions, read_only=True) as session:
            if (answered := remembered(session, FUNCTION, event)) is not None:
                return answered
            scene = read_scene(session, model)
            plan = self.conduct.plan(session, scene, payload, moment)
        done = self.conduct.carry_out(plan, moment)
        # A phase is said to have begun once the platform has it.
        after = Moment(event, self.clock())
        with transaction(self.sessions) as session:
            return once(session, FUNCTION, event, lambda: self.conduct.record(session, done, after))
