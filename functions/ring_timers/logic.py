"""Makes the event that says a timer's time has come."""

from __future__ import annotations

from datetime import datetime

from eventing.catalogue import TimerDue, source_of
from eventing.event import CAUSATION, CORRELATION, Event, derive_id
from functions.state.timers import Timer

FUNCTION = "ring_timers"
PURGE_MINUTE = 17


def timer_due(timer: Timer, now: datetime) -> Event:
    """Return the timer's event; ringing it twice gives the same id, so it is handled once.

    It continues the chain of the event that set the timer, and starts one where none did.
    """
    subject = f"{timer.owner}/{timer.key}"
    identity = derive_id(f"{timer.cause_id or ''}@{timer.due.isoformat()}", TimerDue.type, subject)
    extensions = {CORRELATION: timer.correlation_id or identity}
    if timer.cause_id is not None:
        extensions[CAUSATION] = timer.cause_id
    payload = TimerDue(owner=timer.owner, key=timer.key, due=timer.due)
    return Event(
        id=identity,
        source=source_of(FUNCTION),
        type=TimerDue.type,
        subject=subject,
        time=now,
        data=payload.model_dump(mode="json"),
        extensions=extensions,
    )


def purges(now: datetime) -> bool:
    """Say whether this tick also forgets old answers: in one minute of every hour."""
    return now.minute == PURGE_MINUTE
