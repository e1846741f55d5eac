"""How many of each version's recent predictions are mature, and how many of those have a label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from eventing.catalogue import VersionFeedback
from functions.join_feedback.logic import maturity_check_interval
from functions.state.inferences import InferenceBatch
from functions.state.labels import JoinedLabel

_PERIODS = 10
_MIN_SPAN = timedelta(hours=1)
_KEEP = timedelta(minutes=1)


class Coverage(BaseModel, frozen=True):
    """What was counted, and through which time every label was in."""

    through: datetime
    versions: list[VersionFeedback]


def count_coverage(
    session: Session,
    known: Coverage | None,
    model: str,
    rows: Iterable[Mapping[str, Any]],
    *,
    through: datetime,
    window: timedelta,
) -> Coverage:
    """Count each version's predictions and labels, or return what was counted within the last minute.

    For a short window it is less than a minute. Once everything has matured it is counted in any case: no
    later joining would correct it.

    Args:
        rows: joined labels that are not written yet.
    """
    if known is not None and through - known.through < min(maturity_check_interval(window), _KEEP):
        newest = newest_prediction(session, model)
        if newest is None or not known.through < newest + window <= through:
            return known
    versions = recent_versions(session, model, rows, through=through, window=window)
    return Coverage(through=through, versions=versions)


def recent_span(window: timedelta) -> timedelta:
    """Return how far back what is told of labels goes: ten windows, or an hour if that is longer."""
    return max(_PERIODS * window, _MIN_SPAN)


def recent_versions(
    session: Session,
    model: str,
    rows: Iterable[Mapping[str, Any]],
    *,
    through: datetime,
    window: timedelta,
) -> list[VersionFeedback]:
    """Describe the served predictions of the last ten windows, or hour if that is longer, by version.

    Maturity goes by whole files of the log: one is mature when its last prediction is.
    """
    since, matured_by = through - recent_span(window), through - window
    batch = InferenceBatch
    # What `last` says follows from `first`, but has an index.
    recent = (batch.model == model, batch.last >= since, batch.first >= since, batch.shadow.is_(False))
    mature = func.sum(batch.rows).filter(batch.last <= matured_by)
    counted = session.execute(
        select(batch.version, func.sum(batch.rows), mature).where(*recent).group_by(batch.version)
    ).all()
    label = JoinedLabel
    labels = session.execute(
        select(label.version, func.count(), func.count(label.loss), func.sum(label.loss))
        .where(label.model == model, label.at >= since, label.at <= matured_by, label.late.is_(False))
        .group_by(label.version)
    ).all()
    known = {version: (count, scored, loss or 0.0) for version, count, scored, loss in labels}
    for row in rows:
        if since <= row["at"] <= matured_by and not row["late"]:
            count, scored, loss = known.get(row["version"], (0, 0, 0.0))
            more = row["loss"]
            known[row["version"]] = (count + 1, scored + (more is not None), loss + (more or 0.0))
    return [
        _version(version, made or 0, matured_rows or 0, *known.get(version, (0, 0, 0.0)))
        for version, made, matured_rows in sorted(counted)
    ]


def _version(version: int, made: int, matured: int, count: int, scored: int, loss: float) -> VersionFeedback:
    return VersionFeedback(
        version=version,
        predictions=made,
        matured=matured,
        labelled=min(count, matured),
        mean_loss=loss / scored if scored else None,
    )


def has_matured(session: Session, model: str, first: datetime | None, last: datetime) -> bool:
    """Say whether predictions became mature in (first, last], given as the times they were made."""
    batch = InferenceBatch
    found = select(batch.seq).where(batch.model == model, batch.rows > 0, batch.first <= last)
    if first is not None:
        found = found.where(batch.last > first)
    return session.scalar(found.limit(1)) is not None


def newest_prediction(session: Session, model: str) -> datetime | None:
    """Return when the newest prediction in the log was made."""
    return session.scalar(select(func.max(InferenceBatch.last)).where(InferenceBatch.model == model))
