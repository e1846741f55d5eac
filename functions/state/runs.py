"""Training runs: approved by the governor, ended by the run itself, judged by the gate and the rollout."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Boolean, Integer, Text, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from eventing.catalogue import TrainingReason
from functions.state.database import Base, UtcDateTime
from functions.state.keys import Key


class RunOutcome(StrEnum):
    """How a run ended. LOST: no event of it came within its lease."""

    COMPLETED = "completed"
    FAILED = "failed"
    LOST = "lost"


class TrainingRun(Base):
    """One approved run. Each event fills its own columns, so the order they arrive in does not matter.

    `harmed_version`: the champion whose harm labels had proven when the run was approved, if they had.
    """

    __tablename__ = "training_runs"
    __table_args__ = (UniqueConstraint("run_id"),)

    model: Mapped[str] = mapped_column(Text, primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    run_id: Mapped[str] = mapped_column(Key)
    reason: Mapped[str] = mapped_column(Text)
    automatic: Mapped[bool] = mapped_column(Boolean)
    cause_id: Mapped[str] = mapped_column(Text)
    correlation_id: Mapped[str] = mapped_column(Key, index=True)
    dataset_digest: Mapped[str] = mapped_column(Text)
    config_digest: Mapped[str] = mapped_column(Text)
    code_digest: Mapped[str] = mapped_column(Text)
    rows: Mapped[int] = mapped_column(BigInteger)
    train_rows: Mapped[int | None] = mapped_column(BigInteger)
    approved_at: Mapped[datetime] = mapped_column(UtcDateTime)
    lease_until: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    outcome: Mapped[str | None] = mapped_column(Text)
    verdict: Mapped[str | None] = mapped_column(Text)
    rollout: Mapped[str | None] = mapped_column(Text)
    hold_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    harmed_version: Mapped[int | None] = mapped_column(Integer)

    @property
    def registered(self) -> bool:
        """Whether its model was made elsewhere; `code_digest` is then that of the file."""
        return self.reason == TrainingReason.REGISTERED


def get_run(session: Session, model: str, version: int) -> TrainingRun | None:
    """Return the run that produces a version, or None."""
    return session.get(TrainingRun, (model, version), populate_existing=True)


def runs_of(session: Session, model: str) -> Sequence[TrainingRun]:
    """Return a model's runs, oldest first."""
    return session.scalars(select(TrainingRun).filter_by(model=model).order_by(TrainingRun.version)).all()


def runs_under_way(session: Session) -> Sequence[TrainingRun]:
    """Return the runs of all models that have not ended."""
    return session.scalars(select(TrainingRun).filter_by(ended_at=None)).all()


def first_to_expire(session: Session, model: str) -> TrainingRun | None:
    """Return the run under way whose lease ends first, or None when none is under way."""
    under_way = select(TrainingRun).filter_by(model=model, ended_at=None)
    return session.scalars(under_way.order_by(TrainingRun.lease_until).limit(1)).first()


def runs_before(session: Session, run: TrainingRun, now: datetime) -> int:
    """Count the runs under way, of whatever model, that were approved before one."""
    under_way = select(func.count()).select_from(TrainingRun).filter_by(ended_at=None)
    earlier = under_way.where(TrainingRun.lease_until > now, TrainingRun.approved_at < run.approved_at)
    return session.scalar(earlier) or 0


def next_version(session: Session, model: str) -> int:
    """Return the number of the version that the next run of a model produces."""
    newest = session.scalar(select(func.max(TrainingRun.version)).where(TrainingRun.model == model))
    return (newest or 0) + 1
