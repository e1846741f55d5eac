"""How often new data was held against a version's reference: each look that tests spends of the budget."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Integer, Text, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from functions.state.database import Base, UtcDateTime, insert_if_absent
from functions.state.keys import Key

INSUFFICIENT = "insufficient"
"""The status of a look that tested nothing."""


class DriftLook(Base):
    """One look; `look` counts them within a version's time as the reference, from 1."""

    __tablename__ = "drift_looks"
    __table_args__ = (UniqueConstraint("model", "version", "source", "event_id"),)

    model: Mapped[str] = mapped_column(Text, primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    look: Mapped[int] = mapped_column(Integer, primary_key=True)
    source: Mapped[str] = mapped_column(Key)
    event_id: Mapped[str] = mapped_column(Key)
    of: Mapped[str] = mapped_column(Text)
    status: Mapped[str | None] = mapped_column(Text)
    rows: Mapped[int | None] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


def take_look(
    session: Session,
    model: str,
    version: int,
    *,
    source: str,
    event_id: str,
    of: str,
    at: datetime,
    status: str | None = None,
) -> DriftLook:
    """Return the look that belongs to an event: the one it took before, else the next number.

    Two events that ask at once get two numbers: the second insertion of a number waits, fails and counts on.

    Args:
        status: of a new look: `INSUFFICIENT` if it will test nothing.
    """
    key = {"model": model, "version": version}
    while True:
        known = session.scalars(select(DriftLook).filter_by(**key, source=source, event_id=event_id)).first()
        if known is not None:
            return known
        last = session.scalar(select(func.max(DriftLook.look)).filter_by(**key)) or 0
        row = {**key, "look": last + 1, "source": source, "event_id": event_id, "of": of, "at": at}
        insert_if_absent(session, DriftLook, {**row, "status": status})


def tested_before(session: Session, look: DriftLook) -> int:
    """Return how many earlier looks tested something: the others spent nothing.

    Whether a look tests is settled when it gets its number, so this never changes once the look is there.
    """
    earlier = select(func.count()).select_from(DriftLook).filter_by(model=look.model, version=look.version)
    earlier = earlier.where(DriftLook.look < look.look, DriftLook.status.is_distinct_from(INSUFFICIENT))
    return session.scalar(earlier) or 0
