"""The judge of each model's rollout: its policy and its whole state."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Boolean, Integer, Text
from sqlalchemy.orm import Mapped, Session, mapped_column

from functions.state.database import Base, UtcDateTime, lock_row


class JudgeRow(Base):
    """One model. Without a `version` no rollout is judged.

    `policy` was fixed when the rollout started. `looks` counts the checks of the service guards; those have
    seen the predictions made up to `guarded_through`. `decided`: the phase has its verdict. `course` is
    how the bets went in it, see judge_rollout/course.py.
    """

    __tablename__ = "judges"

    model: Mapped[str] = mapped_column(Text, primary_key=True)
    version: Mapped[int | None] = mapped_column(Integer)
    champion_version: Mapped[int | None] = mapped_column(Integer)
    phase: Mapped[str | None] = mapped_column(Text)
    policy: Mapped[Any | None] = mapped_column(JSON)
    state: Mapped[Any | None] = mapped_column(JSON)
    looks: Mapped[int] = mapped_column(Integer)
    guarded_through: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided: Mapped[bool] = mapped_column(Boolean)
    course: Mapped[Any | None] = mapped_column(JSON)
    cause: Mapped[str | None] = mapped_column(Text)


def lock_judge(session: Session, model: str) -> JudgeRow:
    """Return the model's row, made if absent, locked until the transaction ends."""
    return lock_row(session, JudgeRow, model, looks=0, decided=False)
