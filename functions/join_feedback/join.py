"""Joins the labels of a model that wait: reads them, finds their predictions, writes what became of each.

The object store is called between transactions only. The last transaction finds out whether another joining
came between, and then everything is done again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import Claim, FeedbackJoined, source_of
from eventing.clock import Clock
from eventing.event import Event, answer
from eventing.store import Store
from functions.inferences.labels import Value
from functions.inferences.scoring import Scoring, load_scoring
from functions.join_feedback.coverage import Coverage, count_coverage, has_matured, newest_prediction
from functions.join_feedback.logic import (
    FUNCTION,
    SOON,
    join_key,
    joined_through,
    maturity_check_interval,
    must_wait,
)
from functions.join_feedback.matching import Fate, Join, Target, match
from functions.join_feedback.outcomes import told_of, write_outcomes
from functions.join_feedback.predictions import Found, batches_for, find
from functions.join_feedback.waiting import Snapshot, known_labels, read_snapshot, remove
from functions.state import timers
from functions.state.database import transaction
from functions.state.handled import Stale, handle_once
from functions.state.labels import add_joined, lock_feedback


@dataclass(frozen=True)
class Joined:
    """The result of a joining, before it is written.

    Attributes:
        through: every label received by then is joined.
        final: the labels whose fate is known; the others go on waiting.
        rows: of the labels that are joined.
        coverage: each version's counts, with these rows.
        file: lists every final label.
    """

    snapshot: Snapshot
    through: datetime
    final: list[Join]
    rows: list[dict[str, Any]]
    coverage: Coverage
    file: Claim | None


@dataclass(frozen=True)
class Joiner:
    """The clients of one process, and how many labels are joined in one go."""

    sessions: sessionmaker[Session]
    store: Store
    clock: Clock
    max_labels: int

    def join(self, event: Event, model: str, due: datetime) -> list[Event]:
        """Join what waits; answer with feedback.joined if labels are final or predictions have matured.

        Args:
            due: of the timer; the same at every delivery of its event.
        """
        return handle_once(
            self.sessions,
            FUNCTION,
            event,
            read=lambda session: read_snapshot(session, model, self.clock, self.max_labels),
            work=lambda snapshot: match_labels(self.sessions, self.store, snapshot, event, due),
            write=lambda session, joined: write_joined(session, joined, event),
            locking=True,
            now=self.clock(),
        )


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
    with transaction(sessions, read_only=True) as session:
        known = known_labels(session, model, [each.prediction_id for each in found.predictions])
    joins = match(snapshot.labels, found.predictions, known, target=target, window=window)
    waiting = [each for each in joins if must_wait(each, window, snapshot.read_at)]
    stays = {each.label.label_id for each in waiting}
    final = [each for each in joins if each.label.label_id not in stays]
    through = joined_through(snapshot.read_at, waiting, snapshot.unread_since)
    file = write_outcomes(store, model, final, due, event)
    rows = list(_rows(model, final, found, scoring))
    with transaction(sessions, read_only=True) as session:
        coverage = count_coverage(session, snapshot.coverage, model, rows, through=through, window=window)
    return Joined(snapshot, through, final, rows, coverage, file)


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
    if joined.coverage != snapshot.coverage:
        row.coverage = joined.coverage.model_dump(mode="json")
    row.joined_through = max(joined.through, before or joined.through)
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
    counts = Counter(each.fate for each in joined.final)
    refused, files = told_of(joined.final)
    payload = FeedbackJoined(
        model=joined.snapshot.model,
        through=joined.through,
        labels=joined.file,
        versions=joined.coverage.versions,
        refused=refused,
        files=files,
        **{fate.value: counts[fate] for fate in Fate},
    )
    return answer(event, FeedbackJoined.type, source_of(FUNCTION), joined.snapshot.model, payload, now=now)


def _rows(
    model: str, joins: Sequence[Join], found: Found, scoring: Scoring | None
) -> Iterator[dict[str, Any]]:
    predictions = {each.prediction_id: each for each in found.predictions}
    for each in joins:
        if each.fate is not Fate.JOINED or each.prediction_id is None or each.value is None:
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
            "release": None,
        }


def _loss(scoring: Scoring | None, predicted: str | float | None, value: Value) -> float | None:
    if scoring is None:
        return None
    try:
        return scoring.loss(predicted, value)
    except (TypeError, ValueError):
        return None
