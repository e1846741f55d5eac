"""A label, a file of labels, or the time to join them. Event in, outcome out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC

from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import FeedbackReceived, ObjectRecord, Payload, TimerDue
from eventing.clock import Clock
from eventing.errors import Rejected
from eventing.event import Event
from eventing.store import Store
from functions.join_feedback.join import Joiner
from functions.join_feedback.label_files import BUCKET, file_of
from functions.join_feedback.logic import FUNCTION
from functions.join_feedback.metrics import LabelMetrics
from functions.join_feedback.receive import SingleLabel, single_label, take_file
from functions.join_feedback.settings import Settings
from functions.join_feedback.together import Together


@dataclass(frozen=True)
class Handler:
    """Callable with (event, payload); returns the events that answer it."""

    settings: Settings
    sessions: sessionmaker[Session]
    store: Store
    clock: Clock
    metrics: LabelMetrics
    labels: Together[SingleLabel]

    def __call__(self, event: Event, payload: Payload) -> list[Event]:
        """Keep labels, or join those that wait."""
        match payload:
            case FeedbackReceived():
                self.labels.put(single_label(event, payload))
                return []
            case ObjectRecord():
                file = file_of(event, payload) if payload.s3.bucket.name == BUCKET else None
                return take_file(self.sessions, self.store, self.clock, event, payload, file) if file else []
            case TimerDue() if payload.owner == FUNCTION:
                joiner = Joiner(self.sessions, self.store, self.clock, self.settings.max_labels, self.metrics)
                model = payload.key.partition("/")[0]
                return joiner.join(event, model, payload.due.astimezone(UTC))
        raise Rejected("this timer is another function's")
