"""The ledger's queries over HTTP: events, one event, models, and why something happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, jsonify, request
from sqlalchemy.orm import Session, sessionmaker

from eventing.clock import Clock
from functions.record_events.explanation import explain
from functions.record_events.logic import bounded
from functions.record_events.models import describe_models
from functions.record_events.notifier import Notifier
from functions.record_events.parameters import Refused, integer, refuse, seconds
from functions.record_events.settings import Settings
from functions.record_events.trees import render
from functions.state import ledger
from functions.state.database import transaction
from functions.state.stored_event import as_json, load_event

MAX_PAGE = 1000
MAX_WHOLE = 100


@dataclass(frozen=True)
class Queries:
    """The routes that only read."""

    settings: Settings
    sessions: sessionmaker[Session]
    notifier: Notifier
    clock: Clock

    def add_to(self, app: Flask) -> None:
        """Add the routes to the application."""
        app.register_error_handler(Refused, refuse)
        app.add_url_rule("/events", view_func=self.events, methods=["GET"])
        app.add_url_rule("/events/<path:event_id>", view_func=self.event, methods=["GET"])
        app.add_url_rule("/models", view_func=self.models, methods=["GET"])
        app.add_url_rule("/explain/<path:reference>", view_func=self.explain, methods=["GET"])

    def events(self) -> Response:
        """Answer events in recorded order; with `wait_s` the answer waits for the first new one.

        With `whole` no data is left out, and a page is shorter. With `newest` the answer is the last ones.
        """
        after = integer("after", 0)
        whole = request.args.get("whole", "") in ("1", "true")
        limit = min(integer("limit", 100, most=MAX_PAGE), MAX_WHOLE if whole else MAX_PAGE)
        wait_s = seconds("wait_s", most=self.settings.max_wait_s)
        wanted = {"type_": request.args.get("type"), "subject": request.args.get("subject")}
        correlation = request.args.get("correlation")
        before = integer("before", 0) or None
        newest = request.args.get("newest", "") in ("1", "true")

        def find() -> list[dict[str, Any]]:
            with transaction(self.sessions, read_only=True) as session:
                rows = ledger.find_events(
                    session,
                    after=after,
                    before=before,
                    newest=newest,
                    limit=limit,
                    correlation=correlation,
                    **wanted,
                )
                return [self._shown(row, whole=whole) for row in rows]

        found = self.notifier.wait(find, wait_s)
        return jsonify({"events": found, "next": found[-1]["seq"] if found else after})

    def _shown(self, row: ledger.LedgerEvent, *, whole: bool = False) -> dict[str, Any]:
        event = as_json(load_event(row.event))
        if not whole:
            event = bounded(event, self.settings.max_data_bytes)
        return {"seq": row.seq, "recorded_at": row.recorded_at.isoformat(), "event": event}

    def event(self, event_id: str) -> Response:
        """Answer one event whole."""
        with transaction(self.sessions, read_only=True) as session:
            row = ledger.find_by_id(session, event_id)
        if row is None:
            raise Refused(404, f"no event with the id {event_id!r} has been recorded")
        return jsonify(self._shown(row, whole=True))

    def models(self) -> Response:
        """Answer every model with its versions, its champion, its runs and what the governor waits for."""
        with transaction(self.sessions, read_only=True) as session:
            return jsonify({"models": describe_models(session, self.clock())})

    def explain(self, reference: str) -> Response:
        """Answer the causes of a model version or an event, and what came of it, as trees."""
        with transaction(self.sessions, read_only=True) as session:
            found = explain(session, reference)
            if found is None:
                raise Refused(
                    404, f"nothing is recorded of {reference!r}: give <model>/v<version>, or an event's id"
                )
            events = {id_: self._shown(row)["event"] for id_, row in found.rows.items()}
        return jsonify(
            {
                "reference": reference,
                "chain": [render(root, events) for root in found.trees.roots],
                "folded": dict(sorted(found.trees.folded.items())),
                "left_out": found.trees.left_out,
                "truncated": found.truncated,
            }
        )
