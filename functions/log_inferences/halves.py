"""Joins the two events that KServe's logger sends for each request, which share an id and a source.

Whichever comes first waits in the table of halves; the other one's answer is the batch they make together.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session, sessionmaker

from eventing import catalogue as kinds
from eventing.errors import Rejected
from eventing.event import Event, answer
from functions.log_inferences.kserve import Unreadable, logged_of
from functions.log_inferences.logic import FUNCTION
from functions.state.database import insert_if_absent, lock_name
from functions.state.handled import write_once
from functions.state.inferences import InferenceHalf
from functions.state.stored_event import dump_event, load_event
from pipelines.prediction_ids import uuid7

OURS = kinds.source_of("serve_model")
KEPT = timedelta(days=1)
"""How long a half waits for the other one: KServe logs no response that is not a 200."""

_SERVICE = "inferenceservicename"


def join_halves(sessions: sessionmaker[Session], event: Event, now: datetime) -> list[Event]:
    """Keep a half, or answer the second one with the batch. Our own servers' replies are passed over.

    Raises:
        Rejected: the pair is no request and response of either protocol, or names no InferenceService.
    """
    if event.source == OURS:
        return []
    if not event.extensions.get(_SERVICE):
        raise Rejected(
            f"an event of type {event.type} needs the extension {_SERVICE}: the request's InferenceService"
        )
    # Two events with one id: each half is handled once, under a name of its own.
    name = f"{FUNCTION}/{_half(event)}"
    return write_once(sessions, name, event, lambda session: _join(session, event, now), now=now)


def _join(session: Session, event: Event, now: datetime) -> list[Event]:
    lock_name(session, f"halves/{event.source}/{event.id}")
    session.execute(delete(InferenceHalf).where(InferenceHalf.received_at < now - KEPT))
    other = session.get(
        InferenceHalf, (event.source, event.id, "response" if _half(event) == "request" else "request")
    )
    if other is None:
        row = {
            "source": event.source,
            "event_id": event.id,
            "half": _half(event),
            "event": dump_event(event),
            "received_at": now,
        }
        insert_if_absent(session, InferenceHalf, row)
        return []
    first = load_event(other.event)
    request, response = (event, first) if _half(event) == "request" else (first, event)
    session.delete(other)
    return [_batch(request, response, event, now)]


def _half(event: Event) -> str:
    return "request" if event.type == kinds.KSERVE_REQUEST else "response"


def _batch(request: Event, response: Event, cause: Event, now: datetime) -> Event:
    model = request.extensions[_SERVICE]
    at = request.time or response.time or now
    took_ms = (response.time - at).total_seconds() * 1000 if response.time else 0.0
    try:
        logged = logged_of(
            model, uuid7(at, f"{request.source}/{request.id}"), at, took_ms, request.data, response.data
        )
    except (Unreadable, ValueError) as error:
        raise Rejected(f"the prediction {request.id} of {model} cannot be logged: {error}") from error
    subject = f"{model}/v{logged.version}"
    return answer(cause, kinds.InferenceLogged.type, kinds.source_of(FUNCTION), subject, logged, now=now)
