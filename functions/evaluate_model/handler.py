"""Takes a candidate through the gate, and notes what people decide."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import ModelApproved, ModelRejected, TrainingCompleted
from eventing.errors import RetryLater
from eventing.event import Event
from eventing.store import Store
from functions.evaluate_model.evaluate import evaluate
from functions.evaluate_model.logic import FUNCTION
from functions.evaluate_model.records import Basis, Moved, find_basis, keep_judgement, note_decision
from functions.evaluate_model.settings import Settings
from functions.state.database import transaction
from functions.state.handled import once, remembered

_ATTEMPTS = 3


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
        """Judge, or note.

        Judging takes seconds, so no transaction is open meanwhile; when the champion or the gate changed by
        the end, the candidate is judged again.

        Raises:
            RetryLater: they kept changing.
        """
        now = self.clock()
        if not isinstance(payload, TrainingCompleted):
            with transaction(self.sessions) as session:
                return note_decision(session, event, payload, now)
        for _ in range(_ATTEMPTS):
            with transaction(self.sessions, read_only=True) as session:
                before, basis = remembered(session, FUNCTION, event), find_basis(session, payload)
            if before is not None:
                return before
            with contextlib.suppress(Moved):
                return self._judge(event, payload, basis, now)
        raise RetryLater("the champion or the model.yaml keeps changing", after_s=5)

    def _judge(self, event: Event, completed: TrainingCompleted, basis: Basis, now: datetime) -> list[Event]:
        judgement = evaluate(self.store, completed, basis.spec, basis.incumbent, self.settings.resamples)
        with transaction(self.sessions) as session:
            return once(
                session,
                FUNCTION,
                event,
                lambda: keep_judgement(session, event, completed, basis, judgement, now),
                now=now,
            )
