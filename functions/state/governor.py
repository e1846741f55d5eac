"""What the governor remembers of a model: its newest dataset, and the triggers that wait for a run."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Integer, Text
from sqlalchemy.orm import Mapped, Session, mapped_column

from eventing.catalogue import TrainingReason
from functions.state.database import Base, UtcDateTime, lock_row


class GovernorRow(Base):
    """One model.

    The `pending_` columns are the merged triggers; `pending_reasons` is empty without one, and
    `pending_cause` has the newest trigger of each reason.

    `announced` is the last answer that was sent, so that the same one is not sent again.
    """

    __tablename__ = "governor"

    model: Mapped[str] = mapped_column(Text, primary_key=True)
    dataset_uri: Mapped[str | None] = mapped_column(Text)
    dataset_sha256: Mapped[str | None] = mapped_column(Text)
    dataset_parts: Mapped[int] = mapped_column(Integer, default=0)
    dataset_rows: Mapped[int] = mapped_column(BigInteger, default=0)
    schema_uri: Mapped[str | None] = mapped_column(Text)
    schema_sha256: Mapped[str | None] = mapped_column(Text)
    pending_reasons: Mapped[str] = mapped_column(Text, default="")
    pending_first_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    pending_last_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    pending_depth: Mapped[int] = mapped_column(Integer, default=0)
    pending_trained: Mapped[int] = mapped_column(Integer, default=0)
    pending_cause: Mapped[str | None] = mapped_column(Text)
    announced: Mapped[str] = mapped_column(Text, default="")


def waits_for_rows(session: Session, model: str) -> bool:
    """Say whether proven harm waits for its training."""
    row = session.get(GovernorRow, model)
    return row is not None and TrainingReason.PERFORMANCE in row.pending_reasons.split(",")


def lock_model(session: Session, model: str) -> GovernorRow:
    """Return the model's row, made if absent, locked until the transaction ends.

    All decisions about one model happen one after another, in however many processes.
    """
    counts = {"dataset_parts": 0, "dataset_rows": 0, "pending_depth": 0, "pending_trained": 0}
    return lock_row(session, GovernorRow, model, **counts, pending_reasons="", announced="")
