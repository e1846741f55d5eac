"""Joins the labels of a model that wait: reads them, finds their predictions, writes what became of each.

The object store is called between transactions only. The last transaction finds out whether another joining
came between, and then everything is done again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import Claim, FeedbackJoined, source_of
from eventing.clock import Clock
from eventing.event import Event, answer
from eventing.store import Store
from functions.inferences.labels import Value
from functions.inferences.scoring import Scoring, load_scoring
from functions.join_feedback.coverage import (
    Coverage,
    count_coverage,
    has_matured,
    newest_prediction,
    recent_span,
)
from functions.join_feedback.fates import Fates, count_fates
from functions.join_feedback.logic import (
    FUNCTION,
    SOON,
    Lag,
    join_key,
    joined_through,
    lag_after,
    maturity_check_interval,
    must_wait,
)
from functions.join_feedback.matching import Fate, Join, Prediction, Target, match
from functions.join_feedback.metrics import LabelMetrics
from functions.join_feedback.outcomes import summary_of, write_outcomes
from functions.join_feedback.predictions import Found, batches_for, find
from functions.join_feedback.times import is_before
from functions.join_feedback.waiting import Snapshot, known_labels, read_snapshot, remove
from functions.state import timers
from functions.state.database import transaction
from functions.state.handled import Stale, handle_once
from functions.state.labels import add_joined, lock_feedback, replace_joined


@dataclass(frozen=True)
class Joined:
    """The result of a joining, before it is written.

    Attributes:
        through: every label received by then is joined.
        lag: how long labels were on their way at most, lately.
        final: the labels whose fate is known; the others go on waiting.
        rows: of the predictions that get a label.
        replaced: of those whose label is another one now.
        coverage: each version's counts, with these rows.
        fates: what became of the labels of late, with these.
        told: how many there are of each fate now, and of what else is counted.
        file: lists every final label.
    """

    snapshot: Snapshot
    through: datetime
    lag: Lag | None
    final: list[Join]
    rows: list[dict[str, Any]]
    replaced: list[dict[str, Any]]
    coverage: Coverage
    fates: Fates
    counts: Counter[str]
    file: Claim | None


@dataclass(frozen=True)
class Joiner:
    """The clients of one process, how many labels are joined in one go, and where they are counted."""

    sessions: sessionmaker[Session]
    store: Store
    clock: Clock
    max_labels: int
    metrics: LabelMetrics

    def join(self, event: Event, model: str, due: datetime) -> list[Event]:
        """Join what waits; answer with feedback.joined if labels are final or predictions have matured.

        Args:
            due: of the timer; the same at every delivery of its event.
        """
        written: list[Joined] = []

        def write(session: Session, joined: Joined) -> list[Event]:
            written.append(joined)
            return write_joined(session, joined, event)

        events = handle_once(
            self.sessions,
            FUNCTION,
            event,
            read=lambda session: read_snapshot(session, model, self.clock, self.max_labels),
            work=lambda snapshot: match_labels(self.sessions, self.store, snapshot, event, due),
            write=write,
            locking=True,
            now=self.clock(),
        )
        if written:
            last = written[-1]
            behind_s = (last.snapshot.read_at - last.through).total_seconds()
            self.metrics.count(model, last.counts, behind_s, last.lag.seconds if last.lag else 0.0)
        return events


def match_labels(
    sessions: sessionmaker[Session], store: Store, snapshot: Snapshot, event: Event, due: datetime
) -> Joined:
    """Match the labels with their predictions. Raises: eventing.store.StoreError."""
    model, window = snapshot.model, snapshot.window
    scoring = load_scoring(store, snapshot.card) if snapshot.card else None
    with transaction(sessions, read_only=True) as session:
        batches = batches_for(session, model, snapshot.labels, window)
    found = find(store, batches, snapshot.labels)
    target = Target(scoring.classes, form=scoring.form) if scoring else Target(open=True)
    before = snapshot.joined_through
    matured_by = None if before is None else before - window
    with transaction(sessions, read_only=True) as session:
        ids = [each.prediction_id for each in found.predictions]
        known = known_labels(session, model, ids, matured_by)
    joins = match(snapshot.labels, found.predictions, known, target=target, window=window)
    waiting = [each for each in joins if must_wait(each, window, snapshot.read_at)]
    stays = {each.label.label_id for each in waiting}
    final = [each for each in joins if each.label.label_id not in stays]
    lag = lag_after(snapshot.lag, snapshot.labels, snapshot.read_at)
    through = joined_through(snapshot.read_at, waiting, snapshot.unread_since, lag)
    through = max(through, before or through)
    file = write_outcomes(store, model, final, due, event)
    rows = list(_rows(model, [each for each in final if not each.replaces], found, scoring, window))
    replaced = list(_rows(model, [each for each in final if each.replaces], found, scoring, window))
    with transaction(sessions, read_only=True) as session:
        coverage = count_coverage(session, snapshot.coverage, model, rows, through=through, window=window)
    counts = count_labels(final, found.predictions, matured_by)
    fates = count_fates(snapshot.fates, counts, now=snapshot.read_at, span=recent_span(window))
    return Joined(snapshot, through, lag, final, rows, replaced, coverage, fates, counts, file)


def count_labels(
    joins: Sequence[Join], predictions: Sequence[Prediction], matured_by: datetime | None
) -> Counter[str]:
    """Count labels by their fate, and those that came too late to be evidence or by a wrong clock.

    Args:
        matured_by: predictions made by then have counted as without a label, if they had none.
    """
    made: dict[str, datetime] = {}
    for each in predictions:
        made[each.prediction_id] = min(each.at, made.get(each.prediction_id, each.at))
    counts = Counter(join.fate.value for join in joins)
    for join in joins:
        at = None if join.prediction_id is None else made.get(join.prediction_id)
        if at is not None and matured_by is not None and at <= matured_by and join.fate is Fate.JOINED:
            counts["overtaken"] += 1
        if join.label.ahead or (at is not None and is_before(join.label.received_at, at)):
            counts["skewed"] += 1
    return counts


def write_joined(session: Session, joined: Joined, event: Event) -> list[Event]:
    """Write the joined labels; return the event about them, also when predictions matured without a label.

    watch_performance and judge_rollout rely on it: what has matured is announced, whether or not labels came.

    Raises: Stale when another joining came between.
    """
    snapshot = joined.snapshot
    model, window, now, before = snapshot.model, snapshot.window, snapshot.read_at, snapshot.joined_through
    row = lock_feedback(session, model)
    if row.joined_through != before:
        raise Stale(f"the labels of {model} are being joined by another")
    remove(session, snapshot, joined.final)
    add_joined(session, joined.rows)
    replace_joined(session, joined.replaced)
    if joined.coverage != snapshot.coverage:
        row.coverage = joined.coverage.model_dump(mode="json")
    if joined.fates != snapshot.fates:
        row.fates = joined.fates.model_dump(mode="json")
    row.lag_s = None if joined.lag is None else joined.lag.seconds
    row.lagged_at = None if joined.lag is None else joined.lag.seen_at
    row.joined_through = joined.through
    _set_timer(session, joined, event)
    matured_before = None if before is None else before - window
    if joined.final or has_matured(session, model, matured_before, joined.through - window):
        return [_feedback_joined(event, joined, now)]
    return []


def _set_timer(session: Session, joined: Joined, event: Event) -> None:
    """Join again while labels wait, or while predictions have yet to mature."""
    snapshot = joined.snapshot
    newest = newest_prediction(session, snapshot.model)
    if snapshot.unread_since is not None or len(joined.final) < len(snapshot.labels):
        after = SOON
    elif newest is not None and newest + snapshot.window > joined.through:
        after = maturity_check_interval(snapshot.window)
    else:
        return
    now = snapshot.read_at
    timers.ring_by(session, FUNCTION, join_key(snapshot.model), now + after, now=now, cause=event)


def _feedback_joined(event: Event, joined: Joined, now: datetime) -> Event:
    refused, files = summary_of(joined.final)
    payload = FeedbackJoined(
        model=joined.snapshot.model,
        through=joined.through,
        labels=joined.file,
        versions=joined.coverage.versions,
        refused=refused,
        files=files,
        **{name: joined.counts[name] for name in (*Fate, "overtaken", "skewed")},
    )
    return answer(event, FeedbackJoined.type, source_of(FUNCTION), joined.snapshot.model, payload, now=now)


def _rows(
    model: str, joins: Sequence[Join], found: Found, scoring: Scoring | None, window: timedelta
) -> Iterator[dict[str, Any]]:
    predictions = {each.prediction_id: each for each in found.predictions}
    for each in joins:
        if not each.stands or each.prediction_id is None or each.value is None:
            continue
        prediction = predictions[each.prediction_id]
        yield {
            "model": model,
            "prediction_id": each.prediction_id,
            "at": prediction.at,
            "version": prediction.version,
            "entity": prediction.entity,
            "value": each.value,
            "loss": _loss(scoring, found.predicted.get(each.prediction_id), each.value),
            "label_id": each.label.label_id,
            "received_at": each.label.received_at,
            "late": each.label.received_at > prediction.at + window,
            "release": None,
        }


def _loss(scoring: Scoring | None, predicted: str | float | None, value: Value) -> float | None:
    if scoring is None:
        return None
    try:
        return scoring.loss(predicted, value)
    except (TypeError, ValueError):
        return None
