"""How many of each version's recent predictions are mature, and how many of those have a label."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from eventing.catalogue import VersionFeedback
from functions.state.inferences import InferenceBatch
from functions.state.labels import JoinedLabel

_PERIODS = 10
_LEAST = timedelta(hours=1)


def recent_versions(
    session: Session, model: str, *, through: datetime, window: timedelta
) -> list[VersionFeedback]:
    """Describe the served predictions of the last ten windows, or hour if that is longer, by version.

    Maturity is told by whole files of the log: one is mature when its last prediction is.
    """
    since, ripe = through - max(_PERIODS * window, _LEAST), through - window
    batch = InferenceBatch
    recent = (batch.model == model, batch.shadow.is_(False), batch.first >= since)
    mature = func.sum(batch.rows).filter(batch.last <= ripe)
    counted = session.execute(
        select(batch.version, func.sum(batch.rows), mature).where(*recent).group_by(batch.version)
    ).all()
    label = JoinedLabel
    labels = session.execute(
        select(label.version, func.count(), func.avg(label.loss))
        .where(label.model == model, label.at >= since, label.at <= ripe)
        .group_by(label.version)
    ).all()
    known = {version: (count, mean) for version, count, mean in labels}
    return [
        VersionFeedback(
            version=version,
            predictions=made or 0,
            matured=ripe_rows or 0,
            labelled=min(known.get(version, (0, None))[0], ripe_rows or 0),
            mean_loss=known.get(version, (0, None))[1],
        )
        for version, made, ripe_rows in sorted(counted)
    ]


def matured_between(session: Session, model: str, first: datetime | None, last: datetime) -> bool:
    """Say whether predictions became mature in (first, last], given as the times they were made."""
    batch = InferenceBatch
    found = select(batch.seq).where(batch.model == model, batch.rows > 0, batch.first <= last)
    if first is not None:
        found = found.where(batch.last > first)
    return session.scalar(found.limit(1)) is not None


def newest_prediction(session: Session, model: str) -> datetime | None:
    """Return when the newest prediction in the log was made."""
    return session.scalar(select(func.max(InferenceBatch.last)).where(InferenceBatch.model == model))
