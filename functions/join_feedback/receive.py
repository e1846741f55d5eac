"""Keeps labels until a timer joins them: single ones from events, many from files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import FeedbackReceived, ObjectRecord
from eventing.clock import Clock
from eventing.errors import Rejected
from eventing.event import Event
from eventing.store import Store
from functions.join_feedback.label_files import LabelFile, is_possible, read_labels
from functions.join_feedback.logic import FUNCTION, SOON, join_key
from functions.join_feedback.times import times_of
from functions.state import timers
from functions.state.database import lock_name, transaction
from functions.state.handled import claim_all, handle_once
from functions.state.keys import storable
from functions.state.labels import add_waiting
from functions.state.specs import current_spec
from functions.state.versions import versions_of
from pipelines.prediction_ids import canonical

PART = 5_000


@dataclass(frozen=True)
class SingleLabel:
    """A label that came as an event, and its row."""

    event: Event
    payload: FeedbackReceived
    row: dict[str, Any]


def single_label(event: Event, payload: FeedbackReceived) -> SingleLabel:
    """Return the label of an event. Raises: Rejected: it names no prediction."""
    if payload.prediction_id is None and (payload.entity is None or payload.time is None):
        raise Rejected("a label needs `prediction_id`, or `entity` and `time`")
    if payload.time is not None and payload.time.tzinfo is None:
        raise Rejected(f"time: {payload.time.isoformat()} has no time zone: add Z or an offset")
    if payload.time is not None and not is_possible(payload.time):
        raise Rejected(f"time: nothing was predicted at {payload.time.isoformat()}")
    identity, entity, value = payload.prediction_id, payload.entity, payload.label
    row = {
        "label_id": storable(f"{event.source} {event.id}"),
        "value": storable(value) if isinstance(value, str) else value,
        "prediction_id": None if identity is None else canonical(storable(identity.strip())),
        "entity": None if entity is None else storable(entity),
        "time": payload.time,
    }
    return SingleLabel(event, payload, row)


def keep_labels(
    sessions: sessionmaker[Session], clock: Clock, labels: Sequence[SingleLabel]
) -> list[Exception | None]:
    """Keep labels until they are joined, in one transaction; a redelivery keeps nothing more.

    Returns: for each, why it is refused: its model is not known here.
    """
    refused: dict[str, Exception] = {}
    with transaction(sessions) as session:
        for model in sorted({label.payload.model for label in labels}):
            try:
                check_model(session, model)
            except Rejected as error:
                refused[model] = error
        taken = [label for label in labels if label.payload.model not in refused]
        new = claim_all(session, FUNCTION, [label.event for label in taken], clock())
        by_model: dict[str, list[SingleLabel]] = defaultdict(list)
        for label in taken:
            if label.event in new:
                by_model[label.payload.model].append(label)
        for model, some in sorted(by_model.items()):
            now = lock_labels(session, model, clock)
            rows = [{**each.row, **asdict(times_of(each.event, each.payload, now))} for each in some]
            add_waiting(session, model, rows)
            ring_soon(session, model, now, some[0].event)
    return [refused.get(label.payload.model) for label in labels]


def take_file(
    sessions: sessionmaker[Session],
    store: Store,
    clock: Clock,
    event: Event,
    payload: ObjectRecord,
    file: LabelFile,
) -> list[Event]:
    """Keep the labels of a file; a redelivery keeps nothing more.

    After a crash amid a large file its first labels may come twice: the second time they are duplicates.

    Raises:
        Rejected: the file cannot be read as labels; the message names the place and the fix.
        StoreUnavailable: trying later may help.
    """

    def keep_all(_: None) -> None:
        # Each part is kept by itself, so that no other event waits for the whole of a large file.
        labels = read_labels(store, file)
        while part := list(islice(labels, PART)):
            with transaction(sessions) as session:
                now = lock_labels(session, file.model, clock)
                add_waiting(session, file.model, part, **asdict(times_of(event, payload, now)))
                ring_soon(session, file.model, now, event)

    return handle_once(
        sessions,
        FUNCTION,
        event,
        read=lambda session: check_model(session, file.model),
        work=keep_all,
        write=lambda session, _: [],
        now=clock(),
    )


def check_model(session: Session, model: str) -> None:
    """Raise Rejected for a model of which nothing is known."""
    if current_spec(session, model) is None and not versions_of(session, model):
        raise Rejected(f"there is no model {model!r}: drop its model.yaml first")


def lock_labels(session: Session, model: str, clock: Clock) -> datetime:
    """Return the time, while no other process joins a model's labels or adds any.

    So a joining knows what was kept by the time at which it reads.
    """
    lock_name(session, f"labels/{model}")
    return clock()


def ring_soon(session: Session, model: str, now: datetime, event: Event) -> None:
    """Have the labels joined that were kept."""
    timers.ring_by(session, FUNCTION, join_key(model), now + SOON, now=now, cause=event)
