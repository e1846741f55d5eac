"""Joins the two events that another platform's logger sends for each request.

Whichever comes first waits in the table of halves; the other one's answer is the batch they make together.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session, sessionmaker

from eventing import catalogue as kinds
from eventing.catalogue import Claim, InferenceLogged
from eventing.errors import Rejected
from eventing.event import Event, answer
from eventing.store import Store
from functions.log_inferences.bodies import Unreadable, answered_in, asked_in
from functions.log_inferences.fitting import entities_of, inputs_of, outputs_of
from functions.log_inferences.loggers import Half, half_of, version_in
from functions.log_inferences.logic import FUNCTION
from functions.state.database import insert_if_absent, lock_name
from functions.state.handled import handle_once
from functions.state.inferences import InferenceHalf
from functions.state.rollouts import is_in_shadow
from functions.state.specs import spec_of
from functions.state.stored_event import dump_event, load_event
from functions.state.versions import champion, get_version
from pipelines.card import Card, load_card
from pipelines.prediction_ids import RequestIds, time_of, uuid7

OURS = kinds.source_of("serve_model")
KEPT = timedelta(days=1)
"""How long a half waits for the other one: KServe logs no response that is not a 200."""


@dataclass(frozen=True)
class _Known:
    """What is known of the version that answered; `version` None: the response may say it."""

    version: int | None = None
    card: Claim | None = None
    entity: str | None = None
    is_shadow: bool = False


@dataclass(frozen=True)
class _Fit:
    known: _Known
    card: Card | None


def join_halves(sessions: sessionmaker[Session], store: Store, event: Event, now: datetime) -> list[Event]:
    """Keep a half, or answer the second one with the batch. Our own servers' replies are passed over.

    Raises:
        Rejected: the pair is no request and response of a protocol that is read, or names no model.
        StoreUnavailable: trying later may help.
    """
    if event.source == OURS:
        return []
    half = half_of(event)
    if half.is_empty:
        return []

    def work(known: _Known) -> _Fit:
        return _Fit(known, load_card(store, known.card) if known.card else None)

    # Two events with one id: each half is handled once, under a name of its own.
    return handle_once(
        sessions,
        f"{FUNCTION}/{half.name}",
        half.event,
        read=lambda session: _known(session, half),
        work=work,
        write=lambda session, fit: _join(session, half, fit, event, now),
        now=now,
    )


def _known(session: Session, half: Half) -> _Known:
    model = half.service
    version = half.version or champion(session, model)
    if version is None:
        return _Known()
    found, spec = get_version(session, model, version), spec_of(session, model)
    return _Known(
        version,
        found.card if found else None,
        spec.entity if spec else None,
        is_in_shadow(session, model, version),
    )


def _join(session: Session, half: Half, fit: _Fit, cause: Event, now: datetime) -> list[Event]:
    event, other = half.event, "response" if half.is_request else "request"
    lock_name(session, f"halves/{event.source}/{event.id}")
    session.execute(delete(InferenceHalf).where(InferenceHalf.received_at < now - KEPT))
    found = session.get(InferenceHalf, (event.source, event.id, other))
    if found is None:
        row = {
            "source": event.source,
            "event_id": event.id,
            "half": half.name,
            "event": dump_event(event),
            "received_at": now,
        }
        insert_if_absent(session, InferenceHalf, row)
        return []
    first = load_event(found.event)
    request, response = (event, first) if half.is_request else (first, event)
    session.delete(found)
    try:
        logged = _logged(half.service, request, response, fit, now)
    except ValueError as error:
        raise Rejected(f"the prediction {request.id} of {half.service} cannot be logged: {error}") from error
    subject = f"{logged.model}/v{logged.version}"
    return [answer(cause, InferenceLogged.type, kinds.source_of(FUNCTION), subject, logged, now=now)]


def _logged(model: str, request: Event, response: Event, fit: _Fit, now: datetime) -> InferenceLogged:
    """Put a request and its response together. Raises: Unreadable, or another ValueError."""
    asked, known = asked_in(request.data), fit.known
    answered = answered_in(response.data, asked.rows)
    if not isinstance(response.data, dict):
        raise Unreadable("the data of both events must be a JSON object")
    began = request.time or response.time or now
    took_ms = (response.time - began).total_seconds() * 1000 if response.time else 0.0
    at, ids = _ids(request, began, asked.rows)
    return InferenceLogged(
        model=model,
        version=known.version or version_in(response.data.get("model_version")) or 1,
        shadow=known.is_shadow,
        ids=ids,
        times_ms=[int(at.timestamp() * 1000)] * asked.rows,
        inputs=inputs_of(asked, fit.card, known.entity),
        entities=entities_of(asked.columns, known.entity),
        latencies_ms=[max(0.0, took_ms)] * asked.rows,
        **outputs_of(answered, fit.card),
    )


def _ids(request: Event, began: datetime, rows: int) -> tuple[datetime, list[str]]:
    """Return when the rows were asked about, and their prediction ids.

    An id of the request that is a UUIDv7 of about that time tells both, the same for every server that was
    asked under it: one label is about a shadow's answer as well.
    """
    made_at = time_of(request.id)
    if made_at is not None and abs(made_at - began) < KEPT:
        return made_at, RequestIds(request.id).take(rows)
    identity = uuid7(began, f"{request.source}/{request.id}")
    return began, [uuid7(began, f"{identity}/{row}") for row in range(rows)]
