"""Keeps events that could not be delivered, and records when a person sends them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from functions.state.database import insert_if_absent
from functions.state.keys import storable
from functions.state.ledger import DeadLetter

SENDING = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands in `redriven_at` during a redrive: the letter is listed still, and a death now is a new one."""


@dataclass(frozen=True)
class Redrive:
    """A redrive under way: of which letter, after how many deaths, and when it was redriven before."""

    number: int
    deaths: int
    before: datetime | None


def keep(
    session: Session,
    *,
    source: str,
    event_id: str,
    type_: str,
    subject: str | None,
    destination: str,
    code: int | None,
    error: str,
    event: str,
    now: datetime,
) -> DeadLetter:
    """Keep a dead event once per destination.

    One that comes again without having been redriven is the same delivery once more; after a redrive, or
    during one, it died anew, and `deaths` counts it. A discarded one that died anew waits again.
    """
    key = {"source": source, "event_id": event_id, "destination": destination}
    values = {"code": code, "error": storable(error), "event": event, "received_at": now}
    about = {"type": storable(type_), "subject": storable(subject) if subject is not None else None}
    added = insert_if_absent(session, DeadLetter, {**key, **about, **values, "deaths": 1})
    row = session.scalars(select(DeadLetter).filter_by(**key).with_for_update()).one()
    if not added and (row.redriven_at is not None or row.discarded_at is not None):
        row.deaths += 1
        row.redriven_at = row.discarded_at = None
        for name, value in values.items():
            setattr(row, name, value)
    return row


def find_letters(session: Session, *, after: int, waiting_only: bool, limit: int) -> Sequence[DeadLetter]:
    """Return dead letters in the order they came; all, or only those that wait."""
    found = select(DeadLetter).where(DeadLetter.id > after).order_by(DeadLetter.id).limit(limit)
    if waiting_only:
        found = found.where(waits())
    return session.scalars(found).all()


def waits() -> ColumnElement[bool]:
    """Return the condition that a letter is neither redriven nor discarded."""
    unsent = or_(DeadLetter.redriven_at.is_(None), DeadLetter.redriven_at == SENDING)
    return and_(unsent, DeadLetter.discarded_at.is_(None))


def get_letter(session: Session, number: int) -> DeadLetter | None:
    """Return one dead letter, or None; nobody else changes it until the transaction ends."""
    return session.get(DeadLetter, number, with_for_update=True)


def redriven_at(row: DeadLetter) -> datetime | None:
    """Return when a letter was redriven; None while it waits."""
    return None if row.redriven_at == SENDING else row.redriven_at


def begin_redrive(row: DeadLetter) -> Redrive:
    """Note that a letter is about to be sent, so that a death that comes before `end_redrive` counts."""
    begun = Redrive(row.id, row.deaths, redriven_at(row))
    row.redriven_at = SENDING
    return begun


def end_redrive(session: Session, begun: Redrive, sent_at: datetime | None) -> None:
    """Note that a letter was sent, or with None that it was not; one that died anew meanwhile still waits."""
    target = update(DeadLetter).filter_by(id=begun.number, deaths=begun.deaths, redriven_at=SENDING)
    session.execute(target.values(redriven_at=sent_at or begun.before))
