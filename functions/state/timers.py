"""What must happen later: a row with a due time, which ring_timers turns into a timer.due event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Text, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from eventing.event import Event
from functions.state.database import Base, UtcDateTime, insert_if_absent

_LEAST_STEP = timedelta(microseconds=1)


class TimerRow(Base):
    """One waiting timer; `cause_id` and `correlation_id` keep the chain of the event that set it."""

    __tablename__ = "timers"

    owner: Mapped[str] = mapped_column(Text, primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    due: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    cause_id: Mapped[str | None] = mapped_column(Text)
    correlation_id: Mapped[str | None] = mapped_column(Text)


@dataclass(frozen=True)
class Timer:
    """A timer whose time has come."""

    owner: str
    key: str
    due: datetime
    cause_id: str | None = None
    correlation_id: str | None = None


def set_timer(session: Session, owner: str, key: str, due: datetime, *, cause: Event | None = None) -> None:
    """Set or move the timer (owner, key); its timer.due event has the subject `<owner>/<key>`.

    Args:
        owner: the function that waits, such as `govern_training`.
        key: what it waits for, such as the model's name.
        due: when, aware.
        cause: the event on whose behalf it waits; the timer.due event continues its chain.
    """
    values = {
        "due": due,
        "cause_id": cause.id if cause else None,
        "correlation_id": cause.correlation_id if cause else None,
    }
    row = None
    while row is None:  # between the two, who rings it may remove it
        if insert_if_absent(session, TimerRow, {"owner": owner, "key": key, **values}):
            return
        row = session.get(TimerRow, (owner, key), populate_existing=True, with_for_update=True)
    for name, value in values.items():
        setattr(row, name, value)
    session.flush()


def ring_by(
    session: Session, owner: str, key: str, due: datetime, *, now: datetime, cause: Event | None = None
) -> None:
    """Set the timer (owner, key), or move it to an earlier time; one that is due earlier stays as it is.

    One whose time has come stays due, however often it is asked for, so that the next tick finds it. It is
    moved by a microsecond: its event may be on its way, and what is asked for now must outlive that row.
    """
    known = session.get(TimerRow, (owner, key), populate_existing=True)
    if known is not None and known.due <= now:
        set_timer(session, owner, key, known.due + _LEAST_STEP, cause=cause)
    elif known is None or known.due > due:
        set_timer(session, owner, key, due, cause=cause)


def cancel_timer(session: Session, owner: str, key: str) -> None:
    """Remove the timer (owner, key) if it is set."""
    session.execute(delete(TimerRow).filter_by(owner=owner, key=key))


def due(session: Session, now: datetime, limit: int) -> list[Timer]:
    """Return at most `limit` timers whose time has come, the longest overdue first."""
    found = select(TimerRow).where(TimerRow.due <= now).order_by(TimerRow.due).limit(limit)
    return [
        Timer(row.owner, row.key, row.due, row.cause_id, row.correlation_id) for row in session.scalars(found)
    ]


def mark_rung(session: Session, timer: Timer) -> None:
    """Remove a timer after its event was sent, unless it was set anew meanwhile: with another time or cause.

    Both make the event's id: set anew with the same ones, it would be the same event.
    """
    rung = {"owner": timer.owner, "key": timer.key, "due": timer.due, "cause_id": timer.cause_id}
    session.execute(delete(TimerRow).filter_by(**rung))
