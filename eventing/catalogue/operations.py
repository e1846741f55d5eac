"""Payloads about time and failed deliveries."""

from __future__ import annotations

from datetime import datetime

from eventing.catalogue.base import Payload


class TimerDue(Payload):
    """The time something waited for has come. The subject is `<owner>/<key>`."""

    owner: str
    key: str
    due: datetime


class DeliveryFailed(Payload):
    """An event reached the dead letter sink."""

    event_id: str
    event_type: str
    event_source: str
    event_subject: str | None = None
    destination: str
    code: int | None = None
    error: str
    redrive: str
