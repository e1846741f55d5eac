"""How often new data was checked against a version's reference: each with tests spends of the budget."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Integer, Text, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from functions.state.database import Base, UtcDateTime, insert_if_absent
from functions.state.keys import Key

INSUFFICIENT = "insufficient"
"""The status of a check that tested nothing."""


class DriftCheckRow(Base):
    """One check; `number` counts them within a version's time as the reference, from 1."""

    __tablename__ = "drift_looks"
    __table_args__ = (UniqueConstraint("model", "version", "source", "event_id"),)

    model: Mapped[str] = mapped_column(Text, primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    number: Mapped[int] = mapped_column("look", Integer, key="number", primary_key=True)
    source: Mapped[str] = mapped_column(Key)
    event_id: Mapped[str] = mapped_column(Key)
    of: Mapped[str] = mapped_column(Text)
    status: Mapped[str | None] = mapped_column(Text)
    rows: Mapped[int | None] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


def number_check(
    session: Session,
    model: str,
    version: int,
    *,
    source: str,
    event_id: str,
    of: str,
    at: datetime,
    status: str | None = None,
) -> DriftCheckRow:
    """Return the check that belongs to an event: the one it got before, else one with the next number.

    Two events that ask at once get two numbers: the second insertion of a number waits, fails and counts on.

    Args:
        status: of a new check: `INSUFFICIENT` if it will test nothing.
    """
    key = {"model": model, "version": version}
    while True:
        known = session.scalars(
            select(DriftCheckRow).filter_by(**key, source=source, event_id=event_id)
        ).first()
        if known is not None:
            return known
        last = session.scalar(select(func.max(DriftCheckRow.number)).filter_by(**key)) or 0
        row = {**key, "number": last + 1, "source": source, "event_id": event_id, "of": of, "at": at}
        insert_if_absent(session, DriftCheckRow, {**row, "status": status})


def tested_before(session: Session, check: DriftCheckRow) -> int:
    """Return how many earlier checks tested something: the others spent nothing.

    Whether a check tests is fixed when it gets its number, so this never changes once the check is there.
    """
    earlier = (
        select(func.count()).select_from(DriftCheckRow).filter_by(model=check.model, version=check.version)
    )
    earlier = earlier.where(
        DriftCheckRow.number < check.number, DriftCheckRow.status.is_distinct_from(INSUFFICIENT)
    )
    return session.scalar(earlier) or 0
