"""The Flask application around a handler: an event comes in, its outcome goes out.

Routes: `POST /` takes events in binary, structured and batched mode; `GET /healthz` says that the process is
alive, `GET /readyz` that it can work, `GET /metrics` gives its metrics.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from eventing.catalogue import Payload
from eventing.codec import decode_all, to_binary
from eventing.errors import HandlingError, InvalidEvent, Rejected
from eventing.event import TRACEPARENT, Event
from eventing.logs import handling
from eventing.metrics import CONTENT_TYPE, EventMetrics
from eventing.outcome import Failure, failure_of
from eventing.payload import read_payload
from eventing.sink import EventSink
from eventing.tracing import NoTracing, Tracing, tracing_from_env

Handler = Callable[[Event, Any], Sequence[Event]]
Accepts = Mapping[str, type[Payload] | None]

METRICS = "kascade.metrics"
"""Where an application keeps its `EventMetrics`: `app.extensions[METRICS]`."""

UNACCEPTED = "unaccepted"
UNREADABLE = "unreadable"

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_log = logging.getLogger(__name__)


def create_app(
    handler: Handler,
    *,
    name: str,
    accepts: Accepts,
    sink: EventSink | None = None,
    ready: Callable[[], None] | None = None,
    max_bytes: int = 1 << 20,
) -> Flask:
    """Build the application of one function.

    Args:
        handler: takes the event and its payload, returns the events that answer it.
        name: the function's name, a label of its metrics and logs.
        accepts: the payload class by event type. A type that ends in `*` stands for all with that prefix.
            Without a class the handler gets the data as it came.
        sink: where several answers go; a single one is the HTTP reply.
        ready: raises as long as the function cannot work.
        max_bytes: the largest body taken; a larger one is answered 413.

    Returns:
        An application that further routes may be added to.
    """
    app = Flask(name)
    app.config["MAX_CONTENT_LENGTH"] = max_bytes
    tracing = tracing_from_env(name, os.environ)
    function = _Function(handler, name, MappingProxyType(dict(accepts)), sink, tracing)
    app.extensions[METRICS] = function.metrics
    app.register_error_handler(
        HandlingError, lambda error: _failed(failure_of(error))
    )  # errors of further routes
    app.add_url_rule("/", view_func=function.receive, methods=["POST"])
    app.add_url_rule("/healthz", view_func=lambda: Response(status=200), endpoint="healthz")
    app.add_url_rule("/readyz", view_func=lambda: _readiness(ready), endpoint="readyz")
    app.add_url_rule(
        "/metrics",
        view_func=lambda: Response(function.metrics.render(), content_type=CONTENT_TYPE),
        endpoint="metrics",
    )
    return app


class _Function:
    """One function: its handler, what it accepts, and what it counts."""

    def __init__(
        self,
        handler: Handler,
        name: str,
        accepts: Accepts,
        sink: EventSink | None,
        tracing: Tracing | NoTracing,
    ) -> None:
        self._handler = handler
        self._accepts = accepts
        self._sink = sink
        self._tracing = tracing
        self.metrics = EventMetrics(name)

    def receive(self) -> Response:
        """Handle the events of one request; the first that fails decides the answer."""
        started = time.perf_counter()
        try:
            events = decode_all(dict(request.headers), request.get_data(cache=False))
        except InvalidEvent as error:
            failure = failure_of(error)
            self._report(failure, UNREADABLE, started)
            return _failed(failure)
        replies: list[Event] = []
        for event in events:
            event = _traced(event, request.headers.get(TRACEPARENT, ""))
            with self._tracing.handling(event) as handled, handling(event):
                found = self._handle(event)
                if isinstance(found, Failure):
                    handled.failed(found.outcome, "; ".join(found.problems))
            if isinstance(found, Failure):
                return _failed(found)
            replies.extend(found)
        return self._reply(replies)

    def _handle(self, event: Event) -> Sequence[Event] | Failure:
        started = time.perf_counter()
        pattern = matching(event.type, self._accepts)
        try:
            if pattern is None:
                raise Rejected(f"events of type {event.type} are not handled here: {_listing(self._accepts)}")
            payload_class = self._accepts[pattern]
            payload = event.data if payload_class is None else read_payload(event, payload_class)
            replies = self._handler(event, payload)
        except Exception as error:
            failure = failure_of(error)
            self._report(failure, pattern or UNACCEPTED, started)
            return failure
        self._observe("handled", pattern or UNACCEPTED, started)
        _log.info("handled", extra={"fields": {"answers": [answer.type for answer in replies]}})
        return replies

    def _reply(self, replies: Sequence[Event]) -> Response:
        try:
            if len(replies) == 1:
                headers, body = to_binary(replies[0])
                self.metrics.sent(replies[0].type)
                return Response(body, 200, headers)
            for answer in replies:
                self._send(answer)
        except Exception as error:
            # An answer that breaks the specification is our bug, not the caller's bad event.
            bug = isinstance(error, InvalidEvent)
            failure = failure_of(RuntimeError(f"bad answer: {error}") if bug else error)
            _log.error("not answered", exc_info=error, extra={"fields": {"problems": failure.problems}})
            return _failed(failure)
        return Response(status=204)

    def _send(self, answer: Event) -> None:
        if self._sink is None:
            raise RuntimeError("several events answer this one, and there is no sink for them: set K_SINK")
        self._sink.send(answer)
        self.metrics.sent(answer.type)

    def _report(self, failure: Failure, type_: str, started: float) -> None:
        seconds = self._observe(failure.outcome, type_, started)
        bug = failure.outcome == "failed"
        _log.log(
            logging.ERROR if bug else logging.WARNING,
            failure.outcome,
            exc_info=bug,
            extra={"fields": {"problems": failure.problems, "seconds": seconds}},
        )

    def _observe(self, outcome: str, type_: str, started: float) -> float:
        seconds = time.perf_counter() - started
        self.metrics.observe(type_, outcome, seconds)
        return round(seconds, 6)


def matching(type_: str, accepts: Accepts) -> str | None:
    """Return the entry of `accepts` that a type falls under: itself, else the longest prefix, else None."""
    if type_ in accepts:
        return type_
    prefixes = [entry for entry in accepts if entry.endswith("*") and type_.startswith(entry[:-1])]
    return max(prefixes, key=len, default=None)


def _listing(accepts: Accepts) -> str:
    return "only " + ", ".join(sorted(accepts)) if accepts else "none are"


def _traced(event: Event, traceparent: str) -> Event:
    """Continue the caller's trace, unless the event carries one of its own."""
    if TRACEPARENT in event.extensions or not _TRACEPARENT.fullmatch(traceparent):
        return event
    return replace(event, extensions={**event.extensions, TRACEPARENT: traceparent})


def _failed(failure: Failure) -> Response:
    return Response(failure.body, failure.status, failure.headers, content_type="application/json")


def _readiness(ready: Callable[[], None] | None) -> Response:
    try:
        if ready is not None:
            ready()
    except HTTPException:
        raise
    except Exception as error:
        return _failed(Failure("not ready", 503, (f"{type(error).__name__}: {error}",)))
    return Response(status=200)
