"""Reads the champion's matured labels, in the order of their predictions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from itertools import groupby

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from functions.state.labels import JoinedLabel
from functions.watch_performance.logic import Progress

_PAGE = 10_000
_RECENT = 200


def next_labels(session: Session, model: str, progress: Progress, until: datetime) -> Sequence[JoinedLabel]:
    """Return the champion's labels after a position, of predictions made by `until`: at most a page."""
    found = select(JoinedLabel).where(
        JoinedLabel.model == model,
        JoinedLabel.version == progress.version,
        JoinedLabel.at <= until,
        JoinedLabel.late.is_(False),
    )
    if progress.at is not None:
        later = JoinedLabel.at > progress.at
        if progress.prediction_id is not None:
            later = or_(later, JoinedLabel.prediction_id > progress.prediction_id)
        # By the first bound the index is searched; within an `or` it would not be.
        found = found.where(JoinedLabel.at >= progress.at, later)
    ordered = found.order_by(JoinedLabel.at, JoinedLabel.prediction_id).limit(_PAGE)
    return session.scalars(ordered).all()


def repeated(session: Session, labels: Sequence[JoinedLabel]) -> set[str]:
    """Return those of some labels, in order, whose entity had one of the version earlier on its day (UTC).

    Labels that repeat are not independent, and would raise false alarms.
    """
    found: set[str] = set()
    for day, group in groupby(labels, key=lambda label: label.at.date()):
        of_day = list(group)
        entities = {label.entity for label in of_day if label.entity is not None}
        known = _seen_before(session, of_day[0], day, sorted(entities))
        for label in of_day:
            if label.entity is None:
                continue
            if label.entity in known:
                found.add(label.prediction_id)
            known.add(label.entity)
    return found


def _seen_before(session: Session, first: JoinedLabel, day: date, entities: Sequence[str]) -> set[str]:
    """Return the entities that have a label of this version on the day before the first one."""
    known: set[str] = set()
    earlier = or_(
        JoinedLabel.at < first.at,
        and_(JoinedLabel.at == first.at, JoinedLabel.prediction_id < first.prediction_id),
    )
    for start in range(0, len(entities), 500):
        chosen = select(JoinedLabel.entity).where(
            JoinedLabel.model == first.model,
            JoinedLabel.entity.in_(entities[start : start + 500]),
            JoinedLabel.at >= datetime.combine(day, time.min, UTC),
            earlier,
            JoinedLabel.version == first.version,
            JoinedLabel.late.is_(False),
        )
        known.update(entity for entity in session.scalars(chosen.distinct()) if entity is not None)
    return known


def recent_loss(session: Session, model: str, progress: Progress) -> float:
    """Return the mean loss of the champion's newest labels that were taken in."""
    newest = (
        select(JoinedLabel.loss)
        .where(
            JoinedLabel.model == model,
            JoinedLabel.version == progress.version,
            JoinedLabel.at <= progress.at,
            JoinedLabel.loss.is_not(None),
            JoinedLabel.late.is_(False),
        )
        .order_by(JoinedLabel.at.desc())
        .limit(_RECENT)
    )
    losses = [loss for loss in session.scalars(newest) if loss is not None]
    return sum(losses) / len(losses) if losses else 0.0
