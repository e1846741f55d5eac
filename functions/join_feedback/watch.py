"""Holds the champion's labelled errors against what its holdout promised, label by label.

Only labels whose window has closed count, in the order of the predictions. Of an entity only the first
prediction of a day counts: labels that repeat are not independent, and would raise false alarms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from eventing import catalogue as kinds
from eventing.event import Event, answer
from functions.inferences.scoring import HoldoutLoss, Scoring
from functions.join_feedback import bounds
from functions.join_feedback.harm import THRESHOLD, Harm, observe, restart
from functions.join_feedback.join import Joined
from functions.join_feedback.logic import FUNCTION
from functions.state.labels import FeedbackRow, JoinedLabel
from functions.state.versions import champion

_MOST_LABELS = 50_000
SILENCE = timedelta(days=1)
"""How long an alarm stands that nothing came of: the same harm is not told again before."""


def watch(session: Session, row: FeedbackRow, joined: Joined, event: Event, now: datetime) -> list[Event]:
    """Take in the champion's labels that matured; return `performance.degraded` when the alarm is raised."""
    model = row.model
    version = champion(session, model)
    if version != row.harm_version:
        row.harm_version, row.harm, row.harm_at, row.harm_id, row.alarmed_at = version, None, None, None, None
    if version is None or joined.scoring is None or joined.scoring.holdout is None:
        return []
    baseline = baseline_of(joined.scoring, joined.scoring.holdout)
    state = Harm(**{**row.harm, "sums": tuple(row.harm["sums"])}) if row.harm else Harm()
    alarm: Harm | None = None
    for label in _matured(session, row, joined):
        row.harm_at, row.harm_id = label.at, label.prediction_id
        if label.loss is None:
            continue
        state = observe(state, label.loss, baseline=baseline)
        if state.crossed is not None:
            alarm, state = alarm or state, restart(state)
    row.harm = {**asdict(state), "sums": list(state.sums)}
    if alarm is None or (row.alarmed_at is not None and now - row.alarmed_at < SILENCE):
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


def _matured(session: Session, row: FeedbackRow, joined: Joined) -> Sequence[JoinedLabel]:
    ripe = joined.through - joined.scene.window
    found = select(JoinedLabel).where(
        JoinedLabel.model == row.model, JoinedLabel.version == row.harm_version, JoinedLabel.at <= ripe
    )
    if row.harm_at is not None:
        later = and_(JoinedLabel.at == row.harm_at, JoinedLabel.prediction_id > (row.harm_id or ""))
        found = found.where(or_(JoinedLabel.at > row.harm_at, later))
    ordered = found.order_by(JoinedLabel.at, JoinedLabel.prediction_id).limit(_MOST_LABELS)
    return [label for label in session.scalars(ordered) if not _repeats(session, label)]


def _repeats(session: Session, label: JoinedLabel) -> bool:
    """Say whether the entity had a labelled prediction by this version earlier on the same day (UTC)."""
    if label.entity is None:
        return False
    day = label.at.replace(hour=0, minute=0, second=0, microsecond=0)
    earlier = select(JoinedLabel.prediction_id).where(
        JoinedLabel.model == label.model,
        JoinedLabel.version == label.version,
        JoinedLabel.entity == label.entity,
        JoinedLabel.at >= day,
        or_(
            JoinedLabel.at < label.at,
            and_(JoinedLabel.at == label.at, JoinedLabel.prediction_id < label.prediction_id),
        ),
    )
    return session.scalar(earlier.limit(1)) is not None


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
