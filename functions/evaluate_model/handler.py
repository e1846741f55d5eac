"""Takes a candidate through the gate, and records what people decide."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import ModelApproved, ModelRejected, TrainingCompleted
from eventing.clock import Clock
from eventing.event import Event
from eventing.store import Store
from functions.evaluate_model.evaluate import Judgement, evaluate
from functions.evaluate_model.logic import FUNCTION
from functions.evaluate_model.records import (
    Basis,
    check_approved,
    read_basis,
    record_decision,
    record_judgement,
)
from functions.evaluate_model.settings import Settings
from functions.state.handled import handle_once, write_once


@dataclass(frozen=True)
class Handler:
    """Callable with (event, payload); answers a candidate with its verdict."""

    settings: Settings
    sessions: sessionmaker[Session]
    store: Store
    clock: Clock

    def __call__(
        self, event: Event, payload: TrainingCompleted | ModelApproved | ModelRejected
    ) -> list[Event]:
        """Judge, or record. A candidate is judged again when the champion or the gate changed meanwhile."""
        now = self.clock()
        if not isinstance(payload, TrainingCompleted):
            return write_once(
                self.sessions,
                FUNCTION,
                event,
                lambda session: record_decision(session, event, payload, now),
                now=now,
            )

        def read(session: Session) -> Basis:
            check_approved(session, payload)
            return read_basis(session, payload)

        def work(basis: Basis) -> tuple[Basis, Judgement]:
            resamples = self.settings.resamples
            return basis, evaluate(self.store, payload, basis.spec, basis.champion_files, resamples)

        return handle_once(
            self.sessions,
            FUNCTION,
            event,
            read=read,
            work=work,
            write=lambda session, judged: record_judgement(session, event, payload, *judged, now),
            now=now,
        )
