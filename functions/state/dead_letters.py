"""Keeps events that nobody took, and notes when a person sends them again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from functions.state.database import insert_if_absent
from functions.state.ledger import DeadLetter, storable


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

    One that comes again without having been redriven is the same delivery once more; after a redrive it died
    anew, and `deaths` counts it.
    """
    key = {
        "source": storable(source),
        "event_id": storable(event_id),
        "destination": storable(destination),
    }
    told = {"code": code, "error": storable(error), "event": event, "received_at": now}
    about = {"type": storable(type_), "subject": storable(subject) if subject is not None else None}
    added = insert_if_absent(session, DeadLetter, {**key, **about, **told, "deaths": 1})
    row = session.scalars(select(DeadLetter).filter_by(**key).with_for_update()).one()
    if not added and row.redriven_at is not None:
        row.deaths += 1
        row.redriven_at = None
        for name, value in told.items():
            setattr(row, name, value)
    return row


def find_letters(session: Session, *, after: int, waiting_only: bool, limit: int) -> Sequence[DeadLetter]:
    """Return dead letters in the order they came, by default only those not redriven."""
    found = select(DeadLetter).where(DeadLetter.id > after).order_by(DeadLetter.id).limit(limit)
    if waiting_only:
        found = found.where(DeadLetter.redriven_at.is_(None))
    return session.scalars(found).all()


def get_letter(session: Session, number: int) -> DeadLetter | None:
    """Return one dead letter, or None."""
    return session.get(DeadLetter, number)
