"""Takes an approval, a verdict, a person's request or a rollout's timer as far as it goes now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import ModelApproved, RolloutRequested, TimerDue
from eventing.clock import Clock
from eventing.errors import Rejected
from eventing.event import Event
from functions.roll_out_model.decide import Decision, Payload, decide
from functions.roll_out_model.deployer import Deployer
from functions.roll_out_model.logic import FUNCTION
from functions.roll_out_model.platform import Progress, reconcile
from functions.roll_out_model.records import check_now, read_state, record
from functions.roll_out_model.rollout_state import ModelState
from functions.roll_out_model.settings import Settings
from functions.state.database import transaction
from functions.state.handled import handle_once


@dataclass(frozen=True)
class Handler:
    """Callable with (event, payload); the platform is only spoken to between two transactions."""

    deployer: Deployer
    sessions: sessionmaker[Session]
    settings: Settings
    clock: Clock

    def __call__(self, event: Event, payload: Payload) -> list[Event]:
        """Return rollout.started, rollout.advanced and rollout.completed as they come about."""
        now = self.clock()
        model = payload.key if isinstance(payload, TimerDue) else payload.model
        approved = payload.version if isinstance(payload, ModelApproved) else None

        def work(state: ModelState) -> tuple[Decision, Progress]:
            state = replace(state, former_can_watch=self.deployer.former_can_watch)
            decision = decide(state, payload, now, now + self.settings.ready_deadline)
            return decision, reconcile(self.deployer, decision.goal, now)

        def write(session: Session, done: tuple[Decision, Progress]) -> list[Event]:
            # A phase begins once the platform has it, so the time is read again.
            return record(session, *done, event, self.clock(), self.settings)

        def overtaken(session: Session) -> None:
            check_now(session, model, event, now)

        try:
            # One attempt: by the next delivery the other event is through with the platform.
            return handle_once(
                self.sessions,
                FUNCTION,
                event,
                read=partial(read_state, model=model, version=approved),
                work=work,
                write=write,
                stale=overtaken,
                attempts=1,
                now=now,
            )
        except Rejected:
            # A person's request is also refused when it died amid its work and the rollout has ended since.
            if isinstance(payload, RolloutRequested):
                with transaction(self.sessions) as session:
                    overtaken(session)
            raise
