"""The broker's dead letter sink: keeps undeliverable events, announces them, redrives them on request."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from flask import Flask, Response, jsonify, request
from sqlalchemy.orm import Session, sessionmaker

from eventing.clock import Clock
from eventing.codec import decode
from eventing.errors import InvalidEvent
from eventing.event import Event
from eventing.sink import EventSink, SinkError
from functions.record_events.logic import ERROR_EXTENSIONS, delivery_failed, error_of, strip_errors
from functions.record_events.parameters import Refused, integer, refuse
from functions.state import dead_letters
from functions.state.database import transaction
from functions.state.ledger import DeadLetter
from functions.state.stored_event import dump_event, load_event

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DeadLetters:
    """The routes under /dead-letters."""

    sessions: sessionmaker[Session]
    sink: EventSink
    clock: Clock

    def add_to(self, app: Flask) -> None:
        """Add the routes to the application."""
        app.register_error_handler(SinkError, _unsent)
        app.add_url_rule("/dead-letters", "receive_dead", self.receive, methods=["POST"])
        app.add_url_rule("/dead-letters/copies", "drop_copy", drop_copy, methods=["POST"])
        app.add_url_rule("/dead-letters", "list_dead", self.listing, methods=["GET"])
        letter = f"/dead-letters/<int(max={2**63 - 1}):number>"
        app.add_url_rule(f"{letter}/redrive", "redrive", self.redrive, methods=["POST"])
        app.add_url_rule(f"{letter}/discard", "discard", self.discard, methods=["POST"])

    def receive(self) -> Response:
        """Keep whatever is sent here; it fails only while the database or the broker is away."""
        headers, errors = _split_errors(dict(request.headers))
        body = request.get_data(cache=False)
        try:
            event = decode(headers, body)
        except InvalidEvent as error:
            self._keep_unreadable(dict(request.headers), body, str(error))
            return Response(status=204)
        failed = self._keep(replace(event, extensions={**event.extensions, **errors}))
        if failed is not None:
            self._announce(failed)
        return Response(status=204)

    def _keep(self, event: Event) -> Event | None:
        destination, code, error = error_of(event)
        now = self.clock()
        with transaction(self.sessions) as session:
            row = dead_letters.keep(
                session,
                source=event.source,
                event_id=event.id,
                type_=event.type,
                subject=event.subject,
                destination=destination,
                code=code,
                error=error,
                event=dump_event(strip_errors(event)),
                now=now,
            )
            return delivery_failed(event, row.id, row.deaths, row.received_at)

    def _announce(self, failed: Event) -> None:
        try:
            self.sink.send(failed)
        except SinkError as error:
            if not error.final:
                raise
            _log.exception("the broker refuses the event that announces a dead letter")

    def _keep_unreadable(self, headers: Mapping[str, str], body: bytes, problem: str) -> None:
        sent = {name.lower(): value for name, value in headers.items()}
        kept = {"headers": sent, "data_base64": base64.b64encode(body).decode("ascii")}
        text = json.dumps(kept, sort_keys=True)
        with transaction(self.sessions) as session:
            dead_letters.keep(
                session,
                source=sent.get("ce-source", ""),
                event_id=sent.get("ce-id") or hashlib.sha256(text.encode()).hexdigest(),
                type_="",
                subject=None,
                destination=sent.get("ce-knativeerrordest", "unknown"),
                code=None,
                error=f"not an event: {problem}",
                event=text,
                now=self.clock(),
            )

    def listing(self) -> Response:
        """Answer the dead letters that wait; with `?all=1` also those that were redriven or discarded."""
        after, limit = integer("after", 0), integer("limit", 100, most=1000)
        everything = request.args.get("all", "") in ("1", "true")
        with transaction(self.sessions, read_only=True) as session:
            rows = dead_letters.find_letters(session, after=after, waiting_only=not everything, limit=limit)
            found = [_shown(row) for row in rows]
        return jsonify({"dead_letters": found, "next": found[-1]["id"] if found else after})

    def redrive(self, number: int) -> Response:
        """Send a dead event to the broker again, for all its triggers: handling it twice is safe."""
        with transaction(self.sessions) as session:
            row = dead_letters.get_letter(session, number)
            if row is None:
                raise Refused(404, f"there is no dead letter {number}")
            if not row.type:
                raise Refused(422, f"dead letter {number} is not an event, so it cannot be sent again")
            event = load_event(row.event)
            row.discarded_at = None
            begun = dead_letters.begin_redrive(row)
        sent_at = None
        try:
            self.sink.send(event)
            sent_at = self.clock()
        finally:
            with transaction(self.sessions) as session:
                dead_letters.end_redrive(session, begun, sent_at)
        return jsonify({"redriven": event.id, "type": event.type, "subject": event.subject})

    def discard(self, number: int) -> Response:
        """Note that nothing is to be done about a letter: it is kept, and no longer listed as waiting."""
        with transaction(self.sessions) as session:
            row = dead_letters.get_letter(session, number)
            if row is None:
                raise Refused(404, f"there is no dead letter {number}")
            row.discarded_at = row.discarded_at or self.clock()
            return jsonify({"discarded": row.event_id, "type": row.type, "subject": row.subject})


def drop_copy() -> Response:
    """Accept and drop the copy that a challenger in shadow never took: the judge sees its answer missing."""
    _log.info("a copy for a challenger was not delivered: event %s", request.headers.get("ce-id"))
    return Response(status=204)


def _split_errors(headers: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Separate the broker's error attributes: Knative sends empty ones, which are invalid in a CloudEvent."""
    errors: dict[str, str] = {}
    rest: dict[str, str] = {}
    for name, value in headers.items():
        attribute = name.lower().removeprefix("ce-")
        if attribute not in ERROR_EXTENSIONS:
            rest[name] = value
        elif value:
            errors[attribute] = unquote(value)
    return rest, errors


def _unsent(error: SinkError) -> Response:
    """Answer that the broker did not take an event, so that the caller tries again."""
    return refuse(Refused(503, str(error)))


def _shown(row: DeadLetter) -> dict[str, Any]:
    redriven_at = dead_letters.redriven_at(row)
    return {
        "id": row.id,
        "event_id": row.event_id,
        "type": row.type,
        "source": row.source,
        "subject": row.subject,
        "destination": row.destination,
        "code": row.code,
        "error": row.error,
        "deaths": row.deaths,
        "received_at": row.received_at.isoformat(),
        "redriven_at": redriven_at.isoformat() if redriven_at else None,
        "discarded_at": row.discarded_at.isoformat() if row.discarded_at else None,
    }
