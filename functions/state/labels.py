"""Labels: those that wait to be joined, those that were, and how far the joining has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Float,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    bindparam,
    false,
    select,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from functions.state.database import Base, Serial, UtcDateTime, insert_into, lock_row
from functions.state.keys import Key


class WaitingLabel(Base):
    """A label that came in and is not joined yet; `label_id` is its event's id, or its file and row.

    `received_at` is its event's time, or when its file was written; `kept_at` when it was kept here, `lag_s`
    how long it was on its way, by the broker's time. `ahead`: the time it came with lay in the future.
    """

    __tablename__ = "waiting_labels"
    __table_args__ = (
        UniqueConstraint("model", "label_id"),
        Index("ix_waiting_labels_received", "model", "received_at", "seq"),
    )

    seq: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    model: Mapped[str] = mapped_column(Text)
    label_id: Mapped[str] = mapped_column(Key)
    value: Mapped[Any] = mapped_column(JSON)
    prediction_id: Mapped[str | None] = mapped_column(Text)
    entity: Mapped[str | None] = mapped_column(Text)
    time: Mapped[datetime | None] = mapped_column(UtcDateTime)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    kept_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lag_s: Mapped[float | None] = mapped_column(Float)
    ahead: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())


class JoinedLabel(Base):
    """The label of a served prediction: the first one that came. `at` is when the prediction was made.

    `loss` is in [0, 1], or empty where it is not known. `late`: it came after its prediction's window, so it
    is only trained on: no version is judged by it. `release`: the file that holds the labelled row as
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
    late: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    release: Mapped[str | None] = mapped_column(Text)


class FeedbackRow(Base):
    """What is done about one model's labels, and how far: each of three functions writes columns of its own.

    join_feedback: every label received by `joined_through` is joined; `coverage` has each version's counts,
    `fates` what became of the labels of late. `lag_s` is how long labels were on their way at most, lately,
    `lagged_at` when that was seen.

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
    fates: Mapped[Any | None] = mapped_column(JSON)
    lag_s: Mapped[float | None] = mapped_column(Float)
    lagged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    harm: Mapped[Any | None] = mapped_column(JSON)
    harm_version: Mapped[int | None] = mapped_column(Integer)
    harm_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    harm_id: Mapped[str | None] = mapped_column(Text)
    watched_through: Mapped[datetime | None] = mapped_column(UtcDateTime)
    alarmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    alarms: Mapped[dict[str, str] | None] = mapped_column(JSON)
    releasing: Mapped[str | None] = mapped_column(Text)
    released_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


def add_waiting(session: Session, model: str, rows: Sequence[Mapping[str, Any]], **times: Any) -> None:
    """Keep labels, each given by label_id, value, prediction_id, entity and time, unless they are kept.

    Args:
        times: the other columns, the same for all.
    """
    _insert(session, WaitingLabel, [{**row, "model": model, **times} for row in rows])


def add_joined(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write joined labels, each given by every column, unless their predictions have one."""
    _insert(session, JoinedLabel, rows)


def replace_joined(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put labels that came earlier in place of those of some predictions, unless they lie in a file."""
    if not rows:
        return
    table = JoinedLabel.__table__
    changed = ("value", "loss", "label_id", "received_at", "late")
    statement = (
        update(JoinedLabel)
        .where(
            JoinedLabel.model == bindparam("of_model"),
            JoinedLabel.prediction_id == bindparam("of_prediction"),
            JoinedLabel.release.is_(None),
        )
        .values({name: bindparam(f"new_{name}", type_=table.c[name].type) for name in changed})
    )
    values = [
        {"of_model": row["model"], "of_prediction": row["prediction_id"]}
        | {f"new_{name}": row[name] for name in changed}
        for row in rows
    ]
    session.connection().execute(statement, values)


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
    """Return the labels, late ones left out, of predictions made in [first, last]."""
    found = select(JoinedLabel).where(
        JoinedLabel.model == model,
        JoinedLabel.at >= first,
        JoinedLabel.at <= last,
        JoinedLabel.late.is_(False),
    )
    return session.scalars(found.order_by(JoinedLabel.at, JoinedLabel.prediction_id)).all()


def has_labels(session: Session, model: str, since: datetime) -> bool:
    """Say whether a label that was received since then has been joined."""
    found = select(JoinedLabel.prediction_id).where(
        JoinedLabel.model == model, JoinedLabel.received_at >= since
    )
    return session.scalar(found.limit(1)) is not None
