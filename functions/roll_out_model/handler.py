"""Takes an approval, a verdict, a person's request or a rollout's timer as far as it goes now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import RolloutRequested, TimerDue
from eventing.errors import Rejected, RetryLater
from eventing.event import Event
from functions.roll_out_model.conduct import Conduct, Done
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
        try:
            with transaction(self.sessions, read_only=True) as session:
                if (answered := remembered(session, FUNCTION, event)) is not None:
                    return answered
                plan = self.conduct.plan(session, read_scene(session, model), payload, moment)
        except Rejected:
            # A person's request is also refused when it died amid its work and the rollout has ended since.
            if isinstance(payload, RolloutRequested):
                with transaction(self.sessions) as session:
                    self.conduct.look_now(session, model, moment)
            raise
        done = self.conduct.carry_out(plan, moment)
        # A phase is said to have begun once the platform has it.
        return self._record(done, Moment(event, self.clock()))

    def _record(self, done: Done, moment: Moment) -> list[Event]:
        """Write what was done; if another event was handled meanwhile, have the model looked at anew."""
        model = done.plan.scene.model
        with transaction(self.sessions) as session:
            if self.conduct.stands(session, done.plan):
                return once(
                    session, FUNCTION, moment.event, lambda: self.conduct.record(session, done, moment)
                )
            self.conduct.look_now(session, model, moment)
            answered = remembered(session, FUNCTION, moment.event)
        if answered is None:
            raise RetryLater(f"another event about the rollout of {model} was handled meanwhile")
        return answered
