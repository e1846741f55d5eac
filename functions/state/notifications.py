"""Which problems people were told of last, by which route, and how many were held back since."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Integer, Text, delete, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from functions.state.database import Base, UtcDateTime, insert_into
from functions.state.keys import Key

KEEP = timedelta(days=60)
"""Longer than any route may be quiet."""


class NotifiedProblem(Base):
    """A problem that a route has told of."""

    __tablename__ = "notified_problems"

    route: Mapped[str] = mapped_column(Text, primary_key=True)
    problem: Mapped[str] = mapped_column(Key, primary_key=True)
    told_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    held: Mapped[int] = mapped_column(Integer)


def find(session: Session, route: str, problem: str) -> NotifiedProblem | None:
    """Return when a route told of a problem last; None when it has not, or long ago."""
    return session.get(NotifiedProblem, (route, problem))


def hold(session: Session, route: str, problem: str) -> None:
    """Note that one more was held back."""
    target = update(NotifiedProblem).filter_by(route=route, problem=problem)
    session.execute(target.values(held=NotifiedProblem.held + 1))


def note_told(session: Session, route: str, problem: str, now: datetime, held: int) -> None:
    """Note that a route has told of a problem, and of `held` that were held back; forget old ones."""
    session.execute(delete(NotifiedProblem).where(NotifiedProblem.told_at < now - KEEP))
    row = {"route": route, "problem": problem, "told_at": now, "held": 0}
    statement = insert_into(session, NotifiedProblem).values(**row)
    later = {"told_at": now, "held": NotifiedProblem.held - held}
    session.execute(statement.on_conflict_do_update(index_elements=["route", "problem"], set_=later))
