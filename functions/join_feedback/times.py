"""When a label came, and how long it was on its way to this function.

A label has the time that its event or its file says, not the one at which it is handled: a backlog makes no
label late. How long labels are on their way says how far behind the present their joining is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from eventing.catalogue import ObjectRecord, Payload
from eventing.event import Event
from eventing.times import check_time

TOLERANCE = timedelta(seconds=2)
"""How far clocks may differ without a word; the time of a file has whole seconds."""

_ARRIVAL = "knativearrivaltime"
_UNNOTICED = timedelta(minutes=1)
"""How long a file may lie in its bucket before it is announced; an older one says nothing of a backlog."""
_LONGEST = timedelta(days=1)


@dataclass(frozen=True)
class Times:
    """The times of a label.

    Attributes:
        received_at: when it came: its event's time, or when its file was written; never after `kept_at`.
        kept_at: when this function took it in.
        lag_s: how long it was on its way from the broker's ingress, or from its bucket.
        ahead: the time that it came with lies in the future, so it counts as having come at `kept_at`.
    """

    received_at: datetime
    kept_at: datetime
    lag_s: float
    ahead: bool


def times_of(event: Event, payload: Payload, now: datetime) -> Times:
    """Return the times of what an event brings, which is handled now."""
    arrived = _parsed(event.extensions.get(_ARRIVAL))
    event_time = event.time
    if isinstance(payload, ObjectRecord):
        event_time = event_time or _parsed(payload.event_time)
        arrived = max(event_time, (arrived or now) - _UNNOTICED) if event_time is not None else arrived
    received_at = event_time or arrived or now
    lag = min(max(now - (arrived or now), timedelta(0)), _LONGEST)
    return Times(min(received_at, now), now, lag.total_seconds(), received_at - now > TOLERANCE)


def is_before(received_at: datetime, predicted_at: datetime) -> bool:
    """Say whether a label came so long before its prediction that a clock must be wrong."""
    return predicted_at - received_at > TOLERANCE


def _parsed(text: str | None) -> datetime | None:
    """Read RFC 3339, with nanoseconds too; None for anything else."""
    try:
        found = check_time(datetime.fromisoformat(text)) if text else None
    except ValueError:
        return None
    return found.astimezone(UTC) if found is not None else None
