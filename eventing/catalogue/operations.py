"""Payloads about time and failed deliveries."""

from __future__ import annotations

from datetime import datetime

from eventing.catalogue.base import Payload


class TimerDue(Payload, type="timer.due", subject="<owner>/<key>", emitted_by=("ring_timers",)):
    """The time something waited for has come."""

    owner: str
    key: str
    due: datetime


class DeliveryFailed(
    Payload, type="delivery.failed", subject="that of the event", emitted_by=("record_events",)
):
    """An event reached the dead letter sink; the subject is its own."""

    event_id: str
    event_type: str
    event_source: str
    event_subject: str | None = None
    destination: str
    code: int | None = None
    error: str
    redrive: str
