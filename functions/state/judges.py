"""The judge of each model's rollout: its policy and its whole state."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Boolean, Integer, Text
from sqlalchemy.orm import Mapped, Session, mapped_column

from functions.state.database import Base, UtcDateTime, lock_row


class JudgeRow(Base):
    """One model. Without a `version` no rollout is judged.

    `policy` was fixed when the rollout started. `guard_checks` counts the checks of the service guards; those
    have seen the predictions made up to `guarded_through`. `decided`: the phase has its verdict.
    `wealth_history` is how the bets went in it, see judge_rollout/wealth_history.py.
    """

    __tablename__ = "judges"

    model: Mapped[str] = mapped_column(Text, primary_key=True)
    version: Mapped[int | None] = mapped_column(Integer)
    champion_version: Mapped[int | None] = mapped_column(Integer)
    phase: Mapped[str | None] = mapped_column(Text)
    policy: Mapped[Any | None] = mapped_column(JSON)
    state: Mapped[Any | None] = mapped_column(JSON)
    guard_checks: Mapped[int] = mapped_column("looks", Integer, key="guard_checks")
    guarded_through: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided: Mapped[bool] = mapped_column(Boolean)
    wealth_history: Mapped[Any | None] = mapped_column("course", JSON, key="wealth_history")
    cause: Mapped[str | None] = mapped_column(Text)


def lock_judge(session: Session, model: str) -> JudgeRow:
    """Return the model's row, made if absent, locked until the transaction ends."""
    return lock_row(session, JudgeRow, model, guard_checks=0, decided=False)
