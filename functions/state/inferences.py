"""Where the log of predictions lies: one row for each file of it, so that a question opens few files.

The rows themselves are Parquet in the object store (`functions.inferences.log`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Boolean, Index, Integer, Text, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from eventing.catalogue import Claim
from functions.state.database import Base, Serial, UtcDateTime, insert_if_absent, lock_name
from functions.state.keys import Key


class InferenceBatch(Base):
    """One file of the log: a batch of predictions of one version.

    `window` is the number of the closed window that its rows are in; empty while none is. Shadow
    answers are in no window. A batch without rows, only with failures, has no file.
    """

    __tablename__ = "inference_batches"
    __table_args__ = (
        UniqueConstraint("source", "event_id"),
        Index("ix_inference_batches_window", "model", "version", "shadow", "window", "rows"),
        Index("ix_inference_batches_model_last", "model", "last", "first"),
    )

    seq: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    source: Mapped[str] = mapped_column(Key)
    event_id: Mapped[str] = mapped_column(Key)
    model: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(Integer)
    shadow: Mapped[bool] = mapped_column(Boolean)
    uri: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(Text)
    rows: Mapped[int] = mapped_column(Integer)
    failures: Mapped[int] = mapped_column(Integer)
    first: Mapped[datetime] = mapped_column(UtcDateTime)
    last: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    window: Mapped[int | None] = mapped_column(Integer)

    @property
    def claim(self) -> Claim:
        """The file."""
        return Claim(uri=self.uri, sha256=self.sha256)


class InferenceHalf(Base):
    """The request or the response of a prediction from another platform's logger, until the other one comes.

    Both are kept under one id and one source.
    """

    __tablename__ = "inference_halves"

    source: Mapped[str] = mapped_column(Key, primary_key=True)
    event_id: Mapped[str] = mapped_column(Key, primary_key=True)
    half: Mapped[str] = mapped_column(Text, primary_key=True)
    event: Mapped[str] = mapped_column(Text)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


def add_batch(session: Session, row: InferenceBatch) -> bool:
    """Record a file of the log unless its event has one; return whether it was new."""
    values = {
        column.name: getattr(row, column.name)
        for column in InferenceBatch.__table__.columns
        if column.name != "seq"
    }
    return insert_if_absent(session, InferenceBatch, values)


def close_window(session: Session, model: str, version: int, size: int) -> list[InferenceBatch]:
    """Give the served predictions that are in no window yet the next window, if they are `size` or more.

    Returns: the window's files, oldest first; none when there are too few rows.
    """
    lock_name(session, f"windows/{model}/v{version}")
    served = select(InferenceBatch).filter_by(model=model, version=version, shadow=False)
    free = served.where(InferenceBatch.window.is_(None), InferenceBatch.rows > 0)
    batches = list(session.scalars(free.order_by(InferenceBatch.first, InferenceBatch.seq)))
    if sum(batch.rows for batch in batches) < size:
        return []
    last = select(func.max(InferenceBatch.window)).filter_by(model=model, version=version, shadow=False)
    number = (session.scalar(last) or 0) + 1
    for batch in batches:
        batch.window = number
    session.flush()
    return batches


def batches_of_window(session: Session, model: str, version: int, window: int) -> Sequence[InferenceBatch]:
    """Return the files of a closed window, oldest first."""
    inside = select(InferenceBatch).filter_by(model=model, version=version, shadow=False, window=window)
    return session.scalars(inside.order_by(InferenceBatch.first, InferenceBatch.seq)).all()


def batches_between(
    session: Session,
    model: str,
    first: datetime,
    last: datetime,
    *,
    version: int | None = None,
    shadow: bool | None = None,
) -> Sequence[InferenceBatch]:
    """Return the files that may hold predictions made in [first, last], oldest first.

    Args:
        version: only this version's.
        shadow: only shadow answers, or only served ones.
    """
    found = select(InferenceBatch).where(
        InferenceBatch.model == model, InferenceBatch.last >= first, InferenceBatch.first <= last
    )
    if version is not None:
        found = found.where(InferenceBatch.version == version)
    if shadow is not None:
        found = found.where(InferenceBatch.shadow == shadow)
    return session.scalars(found.order_by(InferenceBatch.first, InferenceBatch.seq)).all()
