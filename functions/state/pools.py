"""The former champions of each model, and how they do on the labels of now."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Text
from sqlalchemy.orm import Mapped, Session, mapped_column

from functions.state.database import Base, lock_row


class PoolRow(Base):
    """One model. `state` is how its former champions do against the champion, as evaluate_model knows it."""

    __tablename__ = "champion_pools"

    model: Mapped[str] = mapped_column(Text, primary_key=True)
    state: Mapped[Any | None] = mapped_column(JSON)


def lock_pool(session: Session, model: str) -> PoolRow:
    """Return the model's row, made if absent, locked until the transaction ends."""
    return lock_row(session, PoolRow, model)
