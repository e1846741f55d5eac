"""Holds the champion's labelled errors against what its holdout promised, label by label.

Only labels whose window has closed count, in the order of the predictions. Of an entity only the first
prediction of a day counts: labels that repeat are not independent, and would raise false alarms.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby

from pydantic import TypeAdapter
from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from eventing import catalogue as kinds
from eventing.event import Event, answer
from functions.inferences.scoring import Scoring
from functions.join_feedback import bounds
from functions.join_feedback.harm import THRESHOLD, Harm, observe, restart
from functions.join_feedback.join import Joined, Scene
from functions.join_feedback.logic import FUNCTION
from functions.state.labels import FeedbackRow, JoinedLabel
from functions.state.versions import champion
from pipelines.card import HoldoutLoss

_HARM = TypeAdapter(Harm)
_MOST_LABELS = 50_000


def silence(window: timedelta) -> timedelta:
    """Return how long an alarm stands: harm that is still there is not told again before."""
    return min(10 * window, timedelta(days=1))


def watch(session: Session, row: FeedbackRow, joined: Joined, event: Event, now: datetime) -> list[Event]:
    """Take in the champion's labels that matured; return `performance.degraded` when the alarm is raised."""
    model = row.model
    version = champion(session, model)
    if version != row.harm_version:
        _start_anew(row, version, joined.scene)
    if version is None or joined.scoring is None or joined.scoring.holdout is None:
        return []
    baseline = baseline_of(joined.scoring, joined.scoring.holdout)
    state = _HARM.validate_python(row.harm) if row.harm else Harm()
    alarm: Harm | None = None
    labels = _matured(session, row, joined)
    repeats = _repeats(session, labels)
    for label in labels:
        row.harm_at, row.harm_id = label.at, label.prediction_id
        if label.loss is None or label.prediction_id in repeats:
            continue
        state = observe(state, label.loss, baseline=baseline)
        if state.crossed is not None:
            alarm, state = alarm or state, restart(state)
    row.harm = _HARM.dump_python(state, mode="json")
    if alarm is None or (row.alarmed_at is not None and now - row.alarmed_at < silence(joined.scene.window)):
        return []
    row.alarmed_at = now
    degraded = kinds.PerformanceDegraded(
        model=model,
        version=version,
        statistic=min(alarm.statistic, 1e300),
        threshold=THRESHOLD,
        baseline=baseline,
        mean_loss=_recent_loss(session, row),
        labels=alarm.n,
    )
    source = kinds.source_of(FUNCTION)
    return [answer(event, kinds.PERFORMANCE_DEGRADED, source, f"{model}/v{version}", degraded, now=now)]


def baseline_of(scoring: Scoring, holdout: HoldoutLoss) -> float:
    """Return the upper confidence bound on a version's loss, from its holdout."""
    if scoring.classes is not None:
        return bounds.clopper_pearson(round(holdout.mean * holdout.rows), holdout.rows)
    return bounds.mean_of(holdout.rows, holdout.mean, holdout.variance)


def _start_anew(row: FeedbackRow, version: int | None, scene: Scene) -> None:
    """Watch another champion by what matures from now on, though it may have been champion before.

    `harm_at` never goes back, so no label is ever taken in twice. Each version's last alarm is kept.
    """
    alarms = dict(row.alarms or {})
    if row.harm_version is not None and row.alarmed_at is not None:
        alarms[str(row.harm_version)] = row.alarmed_at.isoformat()
    alarmed_at = alarms.get(str(version))
    row.alarms = alarms
    row.alarmed_at = None if alarmed_at is None else datetime.fromisoformat(alarmed_at)
    row.harm_version, row.harm = version, None
    ripe = None if scene.before is None else scene.before - scene.window
    if ripe is not None and (row.harm_at is None or row.harm_at < ripe):
        row.harm_at, row.harm_id = ripe, None


def _matured(session: Session, row: FeedbackRow, joined: Joined) -> Sequence[JoinedLabel]:
    ripe = joined.through - joined.scene.window
    found = select(JoinedLabel).where(
        JoinedLabel.model == row.model, JoinedLabel.version == row.harm_version, JoinedLabel.at <= ripe
    )
    if row.harm_at is not None:
        later = JoinedLabel.at > row.harm_at
        if row.harm_id is not None:
            later = or_(later, JoinedLabel.prediction_id > row.harm_id)
        # By the first bound the index is searched; within an `or` it would not be.
        found = found.where(JoinedLabel.at >= row.harm_at, later)
    ordered = found.order_by(JoinedLabel.at, JoinedLabel.prediction_id).limit(_MOST_LABELS)
    return session.scalars(ordered).all()


def _repeats(session: Session, labels: Sequence[JoinedLabel]) -> set[str]:
    """Return those of some labels, in order, whose entity had one of the version earlier on its day (UTC)."""
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
    for place in range(0, len(entities), 500):
        chosen = select(JoinedLabel.entity).where(
            JoinedLabel.model == first.model,
            JoinedLabel.entity.in_(entities[place : place + 500]),
            JoinedLabel.at >= datetime.combine(day, time.min, UTC),
            earlier,
            JoinedLabel.version == first.version,
        )
        known.update(entity for entity in session.scalars(chosen.distinct()) if entity is not None)
    return known


def _recent_loss(session: Session, row: FeedbackRow) -> float:
    """Return the mean loss of the version's newest labels that were taken in."""
    newest = (
        select(JoinedLabel.loss)
        .where(
            JoinedLabel.model == row.model,
            JoinedLabel.version == row.harm_version,
            JoinedLabel.at <= row.harm_at,
            JoinedLabel.loss.is_not(None),
        )
        .order_by(JoinedLabel.at.desc())
        .limit(200)
    )
    losses = [loss for loss in session.scalars(newest) if loss is not None]
    return sum(losses) / len(losses) if losses else 0.0
