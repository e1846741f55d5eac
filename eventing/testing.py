"""What tests of functions need: events to send, a sink that remembers, and one call that handles an event."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

from flask import Flask
from pydantic import BaseModel

from eventing.catalogue import S3_CREATED_PREFIX, S3_REMOVED_PREFIX
from eventing.codec import decode, to_binary
from eventing.event import Event, originate
from eventing.sink import SinkError

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
"""A time for events whose time does not matter."""


class HandlingFailed(AssertionError):
    """The application did not answer 2xx; `status` and `body` are what it answered."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"answered {status}: {body.decode(errors='replace')}")
        self.status = status
        self.body = body


class MemorySink:
    """An `EventSink` that keeps what it is sent in `events`, and can be told to refuse."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.refusing = False

    def send(self, event: Event) -> None:
        """Keep the event, in the form in which it would arrive.

        Raises:
            SinkError: while `refusing` is true.
        """
        if self.refusing:
            raise SinkError("the sink refuses, as it was told to", status=503)
        self.events.append(decode(*to_binary(event)))

    def of_type(self, type_: str) -> list[Event]:
        """Return the events of one type in the order of their arrival."""
        return [event for event in self.events if event.type == type_]


def handle(app: Flask, event: Event) -> Event | None:
    """POST an event to an application in binary mode and return the event it replies with, if any.

    Raises:
        HandlingFailed: the answer is not 2xx.
    """
    headers, body = to_binary(event)
    answer = app.test_client().post("/", data=body, headers=headers)
    if not 200 <= answer.status_code < 300:
        raise HandlingFailed(answer.status_code, answer.data)
    return decode(dict(answer.headers), answer.data) if answer.data or "ce-id" in answer.headers else None


def build_event(
    type_: str,
    data: BaseModel | Any = None,
    *,
    subject: str = "churn",
    source: str = "/tests",
    id_: str | None = None,
    time: datetime = NOON,
) -> Event:
    """Build an event that starts a chain; without an id it gets a fresh one."""
    return originate(type_, source, subject, data, id_=id_, now=time)


def object_created(
    key: str,
    *,
    bucket: str = "raw",
    etag: str = "0" * 32,
    size: int = 1,
    id_: str | None = None,
    time: datetime = NOON,
) -> Event:
    """Build the event that receive_objects emits for an object that was created or replaced."""
    stored = {"key": quote_plus(key, safe="/"), "eTag": etag, "size": size}
    data = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": bucket}, "object": stored}}
    type_ = f"{S3_CREATED_PREFIX}:Put"
    return originate(type_, f"aws:s3..{bucket}", key, data, id_=id_, now=time)


def object_removed(key: str, *, bucket: str = "raw", id_: str | None = None, time: datetime = NOON) -> Event:
    """Build the event that receive_objects emits for an object that was removed."""
    stored = {"key": quote_plus(key, safe="/")}
    data = {"eventName": "ObjectRemoved:Delete", "s3": {"bucket": {"name": bucket}, "object": stored}}
    return originate(f"{S3_REMOVED_PREFIX}:Delete", f"aws:s3..{bucket}", key, data, id_=id_, now=time)
