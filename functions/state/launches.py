"""Training runs that were handed to an engine outside of this system, as long as they may go on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Boolean, Integer, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from functions.state.database import Base, UtcDateTime
from functions.state.keys import Key


class Launch(Base):
    """One run: what asked for it, and how far it has come.

    `busy_until`: until then somebody is handing it over, and nobody else may. `submitted`: the engine has it.
    `cancelled`: it is to be ended. `error`: why it could not be handed over the last time.
    """

    __tablename__ = "launches"

    run_id: Mapped[str] = mapped_column(Key, primary_key=True)
    model: Mapped[str] = mapped_column(Text, index=True)
    version: Mapped[int] = mapped_column(Integer)
    event: Mapped[str] = mapped_column(Text)
    approved_at: Mapped[datetime] = mapped_column(UtcDateTime)
    busy_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    submitted: Mapped[bool] = mapped_column(Boolean, default=False)
    cancelled: Mapped[bool] = mapped_column(Boolean, default=False)
    error: Mapped[str | None] = mapped_column(Text)


def get_launch(session: Session, run_id: str, *, lock: bool = False) -> Launch | None:
    """Return a launch, or None when it is over or was never begun."""
    return session.get(Launch, run_id, populate_existing=True, with_for_update=lock)


def launches_of(session: Session, model: str) -> Sequence[Launch]:
    """Return a model's launches, oldest version first."""
    return session.scalars(select(Launch).filter_by(model=model).order_by(Launch.version)).all()
