"""Takes an approval, or the timer of a rollout under way, as far as it goes now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import ModelApproved, TimerDue
from eventing.event import Event
from functions.roll_out_model.conduct import Conduct
from functions.roll_out_model.logic import FUNCTION
from functions.roll_out_model.records import Moment, read_scene
from functions.state.database import transaction
from functions.state.handled import once, remembered


@dataclass(frozen=True)
class Handler:
    """Callable with (event, payload); the platform is only spoken to between two transactions."""

    conduct: Conduct
    sessions: sessionmaker[Session]
    clock: Callable[[], datetime]

    def __call__(self, event: Event, payload: ModelApproved | TimerDue) -> list[Event]:
        """Return rollout.started and rollout.completed as they come about."""
        moment = Moment(event, self.clock())
        model = payload.key if isinstance(payload, TimerDue) else payload.model
        with transaction(self.sessions, read_only=True) as session:
            if (answered := remembered(session, FUNCTION, event)) is not None:
                return answered
            scene = read_scene(session, model)
            plan = self.conduct.plan(session, scene, payload, moment)
        done = self.conduct.carry_out(plan, moment)
        with transaction(self.sessions) as session:
            return once(session, FUNCTION, event, lambda: self.conduct.record(session, done, moment))
