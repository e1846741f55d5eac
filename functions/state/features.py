"""Feature views: how far each definition is materialized, and values that were pushed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Integer, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from functions.state.database import Base, UtcDateTime
from functions.state.keys import Key


class FeatureViewRow(Base):
    """One definition of a view, by its name in the feature store: another definition is another row.

    `definition` is the view as JSON, `kinds` those of its columns. `parts` counts the parts of its dataset
    that its rows are made from; of a path `seen` says which files they are made from. `pushes` counts how
    often values were pushed. `statistics` is what was last said of it, `problem` why it cannot be made.
    `retired_at`: nothing needs it since then.
    `checked` is what the newest comparison of online and offline found; `drift`, by model, how far its newest
    rows are from those that the model's champion was trained with.
    """

    __tablename__ = "feature_views"

    name: Mapped[str] = mapped_column(Key, primary_key=True)
    model: Mapped[str] = mapped_column(Text, index=True)
    view: Mapped[str] = mapped_column(Text)
    dataset: Mapped[str | None] = mapped_column(Text, index=True)
    definition: Mapped[Any] = mapped_column(JSON)
    kinds: Mapped[Any | None] = mapped_column(JSON)
    parts: Mapped[int] = mapped_column(Integer)
    seen: Mapped[str] = mapped_column(Text)
    rows: Mapped[int] = mapped_column(BigInteger)
    pushes: Mapped[int] = mapped_column(Integer)
    asked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    applied_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    materialized_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    statistics: Mapped[Any | None] = mapped_column(JSON)
    problem: Mapped[str | None] = mapped_column(Text)
    checked: Mapped[Any | None] = mapped_column(JSON)
    drift: Mapped[Any | None] = mapped_column(JSON)
    retired_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PushedRow(Base):
    """The newest values of an entity that were pushed to a view. `entity` is its columns as JSON."""

    __tablename__ = "pushed_features"

    name: Mapped[str] = mapped_column(Key, primary_key=True)
    entity: Mapped[str] = mapped_column(Key, primary_key=True)
    event_time: Mapped[datetime] = mapped_column(UtcDateTime)
    learned_at: Mapped[datetime] = mapped_column(UtcDateTime)
    features: Mapped[Any] = mapped_column(JSON)


def views_of_model(session: Session, model: str) -> Sequence[FeatureViewRow]:
    """Return every definition of the views that a model defines or has defined, but retired ones, by view."""
    rows = select(FeatureViewRow).filter_by(model=model, retired_at=None)
    return session.scalars(rows.order_by(FeatureViewRow.view, FeatureViewRow.name)).all()


def views_from_dataset(session: Session, model: str) -> Sequence[FeatureViewRow]:
    """Return every definition of views that are made from a model's dataset, but retired ones."""
    rows = select(FeatureViewRow).filter_by(dataset=model, retired_at=None)
    return session.scalars(rows.order_by(FeatureViewRow.name)).all()


def pushed_to(session: Session, name: str) -> Sequence[PushedRow]:
    """Return what was pushed to a view, of each entity the newest."""
    return session.scalars(select(PushedRow).filter_by(name=name).order_by(PushedRow.entity)).all()
