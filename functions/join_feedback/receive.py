"""Keeps labels until a timer joins them: single ones from events, many from files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import FeedbackReceived, ObjectRecord, Payload
from eventing.clock import Clock
from eventing.errors import Rejected
from eventing.event import Event
from eventing.store import Store
from functions.join_feedback.label_files import LabelFile, is_possible, read_labels
from functions.join_feedback.logic import FUNCTION, SOON, join_key
from functions.join_feedback.times import times_of
from functions.state import timers
from functions.state.database import lock_name, transaction
from functions.state.handled import handle_once, write_once
from functions.state.keys import storable
from functions.state.labels import add_waiting
from functions.state.specs import current_spec
from functions.state.versions import versions_of
from pipelines.prediction_ids import canonical

PART = 5_000


def take_label(
    sessions: sessionmaker[Session], clock: Clock, event: Event, payload: FeedbackReceived
) -> list[Event]:
    """Keep one label until it is joined; a redelivery keeps nothing more.

    Raises:
        Rejected: it names no prediction, or no model that is known here.
    """
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

    def write(session: Session) -> list[Event]:
        check_model(session, payload.model)
        keep(session, clock, payload.model, [row], event, payload)
        return []

    return write_once(sessions, FUNCTION, event, write, now=clock())


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
                keep(session, clock, file.model, part, event, payload)

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


def keep(
    session: Session,
    clock: Clock,
    model: str,
    rows: Sequence[dict[str, Any]],
    event: Event,
    payload: Payload,
) -> None:
    """Add the labels that an event brings to those that wait.

    The time is taken while no other process joins or adds any, so that a joining knows what was kept by then.
    """
    lock_name(session, f"labels/{model}")
    now = clock()
    add_waiting(session, model, rows, **asdict(times_of(event, payload, now)))
    timers.ring_by(session, FUNCTION, join_key(model), now + SOON, now=now, cause=event)
