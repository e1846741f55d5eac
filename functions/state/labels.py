"""Labels: those that wait to be joined, those that were, and how far the joining has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Float, Index, Integer, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from functions.state.database import Base, Serial, UtcDateTime, insert_into, lock_row
from functions.state.keys import Key


class WaitingLabel(Base):
    """A label that came in and is not joined yet; `label_id` is its event's id, or its file and row."""

    __tablename__ = "waiting_labels"
    __table_args__ = (UniqueConstraint("model", "label_id"),)

    seq: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    model: Mapped[str] = mapped_column(Text)
    label_id: Mapped[str] = mapped_column(Key)
    value: Mapped[Any] = mapped_column(JSON)
    prediction_id: Mapped[str | None] = mapped_column(Text)
    entity: Mapped[str | None] = mapped_column(Text)
    time: Mapped[datetime | None] = mapped_column(UtcDateTime)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)


class JoinedLabel(Base):
    """The label of a served prediction: the first one that came. `at` is when the prediction was made.

    `loss` is in [0, 1], or empty where it is not known. `release`: the file that holds the labelled row as
    training data (written by release_labels).
    """

    __tablename__ = "joined_labels"
    __table_args__ = (
        Index("ix_joined_labels_model_at", "model", "at"),
        Index("ix_joined_labels_model_entity", "model", "entity", "at"),
        Index("ix_joined_labels_release", "model", "release", "at", "received_at"),
    )

    model: Mapped[str] = mapped_column(Text, primary_key=True)
    prediction_id: Mapped[str] = mapped_column(Text, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(Integer)
    entity: Mapped[str | None] = mapped_column(Key)
    value: Mapped[Any] = mapped_column(JSON)
    loss: Mapped[float | None] = mapped_column(Float)
    label_id: Mapped[str] = mapped_column(Text)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    release: Mapped[str | None] = mapped_column(Text)


class FeedbackRow(Base):
    """What is done about one model's labels, and how far: each of three functions writes columns of its own.

    join_feedback: every label received by `joined_through` is joined; `coverage` has each version's counts.

    watch_performance: `harm` is the sequential test of version `harm_version`, which has taken in all matured
    labels of predictions up to (`harm_at`, `harm_id`); without an id, of all up to `harm_at`.
    `watched_through`: the latest time by which labels were joined when it last looked. `alarmed_at`: the
    version's last alarm; `alarms`: the last one of each champion before, by version.

    release_labels: `releasing` is the file that is being written; `released_at`: when one was last written.
    """

    __tablename__ = "feedback"

    model: Mapped[str] = mapped_column(Text, primary_key=True)
    joined_through: Mapped[datetime | None] = mapped_column(UtcDateTime)
    coverage: Mapped[Any | None] = mapped_column(JSON)
    harm: Mapped[Any | None] = mapped_column(JSON)
    harm_version: Mapped[int | None] = mapped_column(Integer)
    harm_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    harm_id: Mapped[str | None] = mapped_column(Text)
    watched_through: Mapped[datetime | None] = mapped_column(UtcDateTime)
    alarmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    alarms: Mapped[dict[str, str] | None] = mapped_column(JSON)
    releasing: Mapped[str | None] = mapped_column(Text)
    released_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


def add_waiting(
    session: Session, model: str, rows: Sequence[Mapping[str, Any]], received_at: datetime
) -> None:
    """Keep labels, each given by label_id, value, prediction_id, entity and time, unless they are kept."""
    _insert(session, WaitingLabel, [{**row, "model": model, "received_at": received_at} for row in rows])


def add_joined(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write joined labels, each given by every column, unless their predictions have one."""
    _insert(session, JoinedLabel, rows)


def _insert(session: Session, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        statement = insert_into(session, table).on_conflict_do_nothing()
        # With RETURNING, SQLAlchemy sends a thousand rows in one statement; without it, each in its own.
        session.execute(statement.returning(*table.__table__.primary_key), rows)


def lock_feedback(session: Session, model: str) -> FeedbackRow:
    """Return the model's row, made if absent, locked until the transaction ends."""
    return lock_row(session, FeedbackRow, model)


def joined_through(session: Session, model: str) -> datetime | None:
    """Return the time up to which every label received is joined; None before the first joining."""
    row = session.get(FeedbackRow, model)
    return None if row is None else row.joined_through


def labels_between(session: Session, model: str, first: datetime, last: datetime) -> Sequence[JoinedLabel]:
    """Return the labels of predictions made in [first, last]."""
    found = select(JoinedLabel).where(
        JoinedLabel.model == model, JoinedLabel.at >= first, JoinedLabel.at <= last
    )
    return session.scalars(found.order_by(JoinedLabel.at, JoinedLabel.prediction_id)).all()


def has_labels(session: Session, model: str, since: datetime) -> bool:
    """Say whether a label that was received since then has been joined."""
    found = select(JoinedLabel.prediction_id).where(
        JoinedLabel.model == model, JoinedLabel.received_at >= since
    )
    return session.scalar(found.limit(1)) is not None
