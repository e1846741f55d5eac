"""Takes a candidate through the gate, and notes what people decide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import ModelApproved, ModelRejected, TrainingCompleted
from eventing.event import Event
from eventing.store import Store
from functions.evaluate_model.evaluate import evaluate
from functions.evaluate_model.logic import FUNCTION
from functions.evaluate_model.records import find_incumbent, gate_spec, keep_judgement, note_decision
from functions.evaluate_model.settings import Settings
from functions.state.database import transaction
from functions.state.handled import once, remembered


@dataclass(frozen=True)
class Handler:
    """Callable with (event, payload); answers a candidate with its verdict."""

    settings: Settings
    sessions: sessionmaker[Session]
    store: Store
    clock: Callable[[], datetime]

    def __call__(
        self, event: Event, payload: TrainingCompleted | ModelApproved | ModelRejected
    ) -> list[Event]:
        """Judge, or note. Judging takes seconds, so no transaction is open meanwhile."""
        now = self.clock()
        if not isinstance(payload, TrainingCompleted):
            with transaction(self.sessions) as session:
                return note_decision(session, event, payload, now)
        with transaction(self.sessions, read_only=True) as session:
            before = remembered(session, FUNCTION, event)
            spec, incumbent = gate_spec(session, payload.model), find_incumbent(session, payload)
        if before is not None:
            return before
        judgement = evaluate(self.store, payload, spec, incumbent, self.settings.resamples)
        with transaction(self.sessions) as session:
            return once(
                session,
                FUNCTION,
                event,
                lambda: keep_judgement(session, event, payload, judgement, now),
                now=now,
            )
