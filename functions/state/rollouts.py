"""The rollout of each model that is under way, and the approved version that waits for its end.

What has been is in the facts of `functions.state.versions`; this table holds only what goes on.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, Integer, Text
from sqlalchemy.orm import Mapped, Session, mapped_column

from functions.state.database import Base, UtcDateTime, lock_row


class RolloutRow(Base):
    """One model. `version` is being rolled out, if set; `queued_version` comes next, if set.

    `approval` and `queued_approval` are the approving events, whose chains the rollouts' events continue.
    `champion_version` serves beside it. `deadline` is until when its revision must be ready. `phases` and
    `percent` are what the spec said when it began; `reason` is why it began with the phase that it did. While
    `paused`, `held` keeps the event of a verdict that came meanwhile.
    `seq` counts the changes, so that a reader of the row can see whether it has changed since.
    """

    __tablename__ = "rollouts"

    model: Mapped[str] = mapped_column(Text, primary_key=True)
    seq: Mapped[int] = mapped_column(Integer)
    version: Mapped[int | None] = mapped_column(Integer)
    phase: Mapped[str | None] = mapped_column(Text)
    approval: Mapped[str | None] = mapped_column(Text)
    announced: Mapped[bool] = mapped_column(Boolean)
    deadline: Mapped[datetime | None] = mapped_column(UtcDateTime)
    champion_version: Mapped[int | None] = mapped_column(Integer)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    paused: Mapped[bool] = mapped_column(Boolean)
    held: Mapped[str | None] = mapped_column(Text)
    phases: Mapped[str | None] = mapped_column(Text)
    percent: Mapped[int | None] = mapped_column(Integer)
    reason: Mapped[str | None] = mapped_column(Text)
    queued_version: Mapped[int | None] = mapped_column(Integer)
    queued_approval: Mapped[str | None] = mapped_column(Text)


def get_rollout(session: Session, model: str) -> RolloutRow | None:
    """Return a model's row as it is now, or None before its first rollout."""
    return session.get(RolloutRow, model)


def lock_rollout(session: Session, model: str) -> RolloutRow:
    """Return the model's row, made if absent, locked until the transaction ends."""
    return lock_row(session, RolloutRow, model, seq=0, announced=False, paused=False)


def is_in_shadow(session: Session, model: str, version: int) -> bool:
    """Say whether a version answers nothing but copies of another one's requests now."""
    row = get_rollout(session, model)
    return row is not None and (row.version, row.phase) == (version, "shadow")
