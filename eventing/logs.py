"""Structured logs: one JSON object a line, each with the event that was being handled."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO

from eventing.event import Event

_current: ContextVar[Event | None] = ContextVar("event", default=None)


@contextmanager
def handling(event: Event) -> Iterator[None]:
    """Stamp every line logged inside with the event's id, type, subject and correlation id."""
    token = _current.set(event)
    try:
        yield
    finally:
        _current.reset(token)


class JsonFormatter(logging.Formatter):
    """Formats a record as JSON; what is passed as `extra={"fields": {...}}` becomes members of it."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        event = _current.get()
        if event is not None:
            line |= {
                "event_id": event.id,
                "event_type": event.type,
                "event_source": event.source,
                "subject": event.subject,
                "correlation_id": event.correlation_id,
            }
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            line |= fields
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure_logs(level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send every log of this process as JSON lines to `stream`, standard output by default."""
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
