"""Payloads about time and failed deliveries."""

from __future__ import annotations

from eventing.catalogue.base import Payload, Time


class TimerDue(Payload, type="timer.due", subject="<owner>/<key>", emitted_by=("ring_timers",)):
    """The time something waited for has come."""

    owner: str
    key: str
    due: Time


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


class DeliveriesLost(
    Payload, type="deliveries.lost", subject="<namespace>/<trigger>", emitted_by=("broker",)
):
    """A damaged log of the local broker was rebuilt, and some events cannot be delivered to a trigger.

    `repeated` deliveries are made although they may have been made before. `kept` is the damaged file.
    """

    namespace: str
    trigger: str
    lost: int
    repeated: int = 0
    reason: str
    kept: str
