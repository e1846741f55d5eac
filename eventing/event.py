"""What an event is: a CloudEvent 1.0 as an immutable value, and how one event answers another."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

CORRELATION = "correlationid"
CAUSATION = "causationid"
TRACEPARENT = "traceparent"

_traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)
_NAMESPACE = uuid.UUID("6d1c1c0e-9a57-5a0c-8f0e-6b6173636164")


@dataclass(frozen=True)
class Event:
    """A CloudEvent. `data` is a JSON value, raw `bytes` (then `datacontenttype` says what), or None."""

    id: str
    source: str
    type: str
    subject: str | None = None
    time: datetime | None = None
    datacontenttype: str | None = "application/json"
    dataschema: str | None = None
    data: Any = None
    extensions: Mapping[str, str] = field(default_factory=dict)
    specversion: str = "1.0"

    @property
    def correlation_id(self) -> str:
        """The id of the first event of the chain; an event without one starts its own chain."""
        return self.extensions.get(CORRELATION, self.id)


def derive_id(causation_id: str, type_: str, subject: str) -> str:
    """Return the UUIDv5 of (causation id, type, subject): the same input always yields the same output id."""
    return str(uuid.uuid5(_NAMESPACE, "\x1f".join((causation_id, type_, subject))))


def originate(
    type_: str,
    source: str,
    subject: str,
    data: BaseModel | Any,
    *,
    id_: str | None = None,
    now: datetime | None = None,
) -> Event:
    """Build an event that answers no other one: it starts a chain whose correlation id is its own id."""
    identity = id_ or str(uuid.uuid4())
    return Event(
        id=identity,
        source=source,
        type=type_,
        subject=subject,
        time=now or datetime.now(UTC),
        data=_plain(data),
        extensions={CORRELATION: identity},
    )


def answer(
    cause: Event, type_: str, source: str, subject: str, data: BaseModel | Any, *, now: datetime | None = None
) -> Event:
    """Build the event that answers `cause`, with a deterministic id, in the same chain and trace."""
    extensions = {CORRELATION: cause.correlation_id, CAUSATION: cause.id}
    traceparent = _traceparent.get() or cause.extensions.get(TRACEPARENT)
    if traceparent is not None:
        extensions[TRACEPARENT] = traceparent
    return Event(
        id=derive_id(cause.id, type_, subject),
        source=source,
        type=type_,
        subject=subject,
        time=now or datetime.now(UTC),
        data=_plain(data),
        extensions=extensions,
    )


@contextmanager
def answered_in(traceparent: str) -> Iterator[None]:
    """Have answers that are built inside name this span as the one that they come of."""
    token = _traceparent.set(traceparent)
    try:
        yield
    finally:
        _traceparent.reset(token)


def _plain(data: BaseModel | Any) -> Any:
    return data.model_dump(mode="json", exclude_none=True) if isinstance(data, BaseModel) else data
