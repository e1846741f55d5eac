"""Takes a candidate through the gate, and records what people decide."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import FeedbackJoined, LoggedShadow, ModelApproved, ModelRejected, TrainingCompleted
from eventing.clock import Clock
from eventing.event import Event
from eventing.store import DigestMismatch, ObjectMissing, RequestRefused, Store
from functions.evaluate_model.evaluate import Judgement, evaluate
from functions.evaluate_model.logged_shadow import shadow_log
from functions.evaluate_model.logic import FUNCTION, Outcome
from functions.evaluate_model.pool_watch import PoolWatch
from functions.evaluate_model.records import (
    Basis,
    check_approved,
    read_basis,
    record_decision,
    record_judgement,
)
from functions.evaluate_model.settings import Settings
from functions.evaluate_model.unseen_log import read_unseen
from functions.state.database import transaction
from functions.state.handled import handle_once, write_once
from pipelines import layout
from pipelines.card import load_card

_log = logging.getLogger("kascade.evaluate_model")


@dataclass(frozen=True)
class Handler:
    """Callable with (event, payload); answers a candidate with its verdict."""

    settings: Settings
    sessions: sessionmaker[Session]
    store: Store
    clock: Clock

    def __call__(
        self, event: Event, payload: TrainingCompleted | ModelApproved | ModelRejected | FeedbackJoined
    ) -> list[Event]:
        """Judge, record, or hold former champions against new labels.

        A candidate is judged again when the champion or the gate changed meanwhile.
        """
        now = self.clock()
        if isinstance(payload, FeedbackJoined):
            return PoolWatch(self.sessions, self.store, now).watch(event, payload)
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
            judgement = evaluate(self.store, payload, basis.spec, basis.champion_files, resamples)
            if judgement.decision.outcome is Outcome.APPROVE:
                shadow = self._shadow_log(payload, basis, now)
                judgement = replace(judgement, logged_shadow=shadow)
            return basis, judgement

        return handle_once(
            self.sessions,
            FUNCTION,
            event,
            read=read,
            work=work,
            write=lambda session, judged: record_judgement(session, event, payload, *judged, now),
            now=now,
        )

    def _shadow_log(self, completed: TrainingCompleted, basis: Basis, now: datetime) -> LoggedShadow | None:
        """Have the candidate answer what the log holds for it, if its rollout has phases."""
        files, spec = basis.champion_files, basis.spec
        if files is None or (spec is not None and not spec.rollout.phases):
            return None
        try:
            card = load_card(self.store, completed.card)
            judged, divided = card.files.get(layout.JUDGED), card.data.split
            held_from = int(divided.cutoff or 0) if judged and divided.by == "arrival" else None
            with transaction(self.sessions, read_only=True) as session:
                log = read_unseen(session, card.model, card.version, files.version, now, held_from)
            return None if log is None else shadow_log(self.store, completed, log, judged)
        except (ObjectMissing, DigestMismatch, RequestRefused) as error:
            # The rollout then begins without: it only takes longer.
            fields = {"model": completed.model, "version": completed.version, "error": str(error)}
            _log.warning("the log is not answered", extra={"fields": fields})
            return None
