"""The ledger: every event once, in the order it was recorded, never changed; and the dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Integer, Text, UniqueConstraint, select, text
from sqlalchemy.orm import InstrumentedAttribute, Mapped, Session, mapped_column

from eventing.event import CAUSATION, Event
from functions.state.database import Base, Serial, UtcDateTime, insert_if_absent
from functions.state.keys import Key
from functions.state.stored_event import dump_event

_APPEND_LOCK = 0x6B617363


class LedgerEvent(Base):
    """One recorded event. `event` is its JSON, the other columns are for finding it."""

    __tablename__ = "ledger"
    __table_args__ = (UniqueConstraint("source", "event_id"),)

    seq: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    source: Mapped[str] = mapped_column(Key)
    event_id: Mapped[str] = mapped_column(Key, index=True)
    type: Mapped[str] = mapped_column(Key, index=True)
    subject: Mapped[str | None] = mapped_column(Key, index=True)
    correlation_id: Mapped[str] = mapped_column(Key, index=True)
    causation_id: Mapped[str | None] = mapped_column(Key, index=True)
    event: Mapped[str] = mapped_column(Text)
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)


class DeadLetter(Base):
    """An event that a subscriber did not take, kept until a person redrives it.

    `deaths` counts how often it came here; `redriven_at` is empty while it waits. `discarded_at` says that a
    person decided that nothing is to be done about it.
    """

    __tablename__ = "dead_letters"
    __table_args__ = (UniqueConstraint("source", "event_id", "destination"),)

    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    source: Mapped[str] = mapped_column(Key)
    event_id: Mapped[str] = mapped_column(Key)
    type: Mapped[str] = mapped_column(Text)
    subject: Mapped[str | None] = mapped_column(Text)
    destination: Mapped[str] = mapped_column(Key)
    code: Mapped[int | None] = mapped_column(Integer)
    error: Mapped[str] = mapped_column(Text)
    event: Mapped[str] = mapped_column(Text)
    deaths: Mapped[int] = mapped_column(Integer, default=1)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    redriven_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    discarded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


def append(session: Session, event: Event, now: datetime) -> bool:
    """Record an event unless it is recorded (by source and id); return whether it was new.

    On PostgreSQL appends wait for each other, so `seq` grows in the order of the commits and a reader that
    asks for what came after a `seq` misses nothing.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _APPEND_LOCK})
    causation = event.extensions.get(CAUSATION)
    row = {
        "source": event.source,
        "event_id": event.id,
        "type": event.type,
        "subject": event.subject,
        "correlation_id": event.correlation_id,
        "causation_id": causation or None,
        "event": dump_event(event),
        "recorded_at": now,
    }
    return insert_if_absent(session, LedgerEvent, row)


def find_events(
    session: Session,
    *,
    after: int = 0,
    before: int | None = None,
    type_: str | None = None,
    subject: str | None = None,
    correlation: str | None = None,
    newest: bool = False,
    limit: int = 100,
) -> Sequence[LedgerEvent]:
    """Return events in recorded order.

    Args:
        after: only events with a greater `seq`.
        before: only events with a smaller `seq`.
        type_: an exact type, or a prefix ending in `*`.
        subject: an exact subject and all below it (`churn` finds `churn/v1`), or a prefix ending in `*`.
        correlation: the id of the chain.
        newest: take the last of them, not the first.
        limit: at most this many.
    """
    order = LedgerEvent.seq.desc() if newest else LedgerEvent.seq
    found = select(LedgerEvent).where(LedgerEvent.seq > after).order_by(order).limit(limit)
    if before is not None:
        found = found.where(LedgerEvent.seq < before)
    if type_ is not None:
        found = found.where(_matches(LedgerEvent.type, type_))
    if subject is not None:
        below = LedgerEvent.subject.startswith(f"{subject}/", autoescape=True)
        found = found.where(_matches(LedgerEvent.subject, subject) | below)
    if correlation is not None:
        found = found.where(LedgerEvent.correlation_id == correlation)
    rows = session.scalars(found).all()
    return rows[::-1] if newest else rows


def _matches(column: InstrumentedAttribute[Any], wanted: str) -> ColumnElement[bool]:
    if wanted.endswith("*"):
        return column.startswith(wanted[:-1], autoescape=True)
    return column == wanted


def find_by_id(session: Session, event_id: str) -> LedgerEvent | None:
    """Return the first recorded event with this id, of whatever source."""
    return session.scalars(
        select(LedgerEvent).filter_by(event_id=event_id).order_by(LedgerEvent.seq).limit(1)
    ).first()


def causes_of(session: Session, causation_id: str | None, limit: int) -> list[LedgerEvent]:
    """Walk from a cause to the chain's first event, the nearest first.

    The walk ends where the ledger ends: an event that was not recorded (yet) has no known causes.
    """
    chain: list[LedgerEvent] = []
    seen: set[str] = set()
    while causation_id is not None and causation_id not in seen and len(chain) < limit:
        seen.add(causation_id)
        found = find_by_id(session, causation_id)
        if found is None:
            break
        chain.append(found)
        causation_id = found.causation_id
    return chain
