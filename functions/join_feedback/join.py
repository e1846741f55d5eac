"""Joins the labels of a model that wait: reads them, finds their predictions, writes what became of each.

The store is only spoken to between transactions. The last one finds out whether another joining came between,
and then all is done over.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import delete, select
from sqlalchemy.orm import Session, sessionmaker

from eventing import catalogue as kinds
from eventing.catalogue import Claim
from eventing.event import Event, answer
from eventing.store import Store
from functions.inferences.labels import Value
from functions.inferences.scoring import Scoring, load_scoring
from functions.join_feedback.coverage import Coverage, covered
from functions.join_feedback.logic import FUNCTION, joined_through, waits
from functions.join_feedback.matching import Fate, Join, Label, Matching, Target, match
from functions.join_feedback.predictions import Found, batches_for, find
from functions.state.database import lock_name, transaction
from functions.state.handled import Stale
from functions.state.labels import FeedbackRow, JoinedLabel, WaitingLabel, add_joined
from functions.state.specs import spec_of
from functions.state.versions import champion, get_version, versions_of
from pipelines.prediction_ids import uuid7

DEFAULT_WINDOW = timedelta(days=7)


@dataclass(frozen=True)
class Scene:
    """What a joining starts from.

    Attributes:
        left: when the first label that is not read here was received.
        coverage: what was counted last.
    """

    model: str
    read_at: datetime
    before: datetime | None
    window: timedelta
    card: Claim | None
    seqs: dict[str, int]
    labels: list[Label]
    left: datetime | None
    coverage: Coverage | None


@dataclass(frozen=True)
class Joined:
    """What came of it, before it is written.

    Attributes:
        rows: of the labels that are joined.
        coverage: with these rows.
        file: lists every label that is settled.
    """

    scene: Scene
    through: datetime
    settled: list[Join]
    scoring: Scoring | None
    rows: list[dict[str, Any]]
    coverage: Coverage
    file: Claim | None


def read_scene(session: Session, model: str, clock: Callable[[], datetime], most: int) -> Scene:
    """Read the labels that wait, oldest first, and the time, while nobody adds any."""
    lock_name(session, f"labels/{model}")
    now = clock()
    waiting = select(WaitingLabel).filter_by(model=model).order_by(WaitingLabel.received_at, WaitingLabel.seq)
    rows = session.scalars(waiting.limit(most + 1)).all()
    left = rows[most].received_at if len(rows) > most else None
    rows = rows[:most]
    labels = [
        Label(row.label_id, row.value, row.received_at, row.prediction_id, row.entity, row.time)
        for row in rows
    ]
    row, spec = session.get(FeedbackRow, model), spec_of(session, model)
    window = spec.labels.window if spec else DEFAULT_WINDOW
    return Scene(
        model,
        now,
        row.joined_through if row else None,
        window,
        _card(session, model),
        {row.label_id: row.seq for row in rows},
        labels,
        left,
        Coverage.model_validate(row.coverage) if row and row.coverage else None,
    )


def join(sessions: sessionmaker[Session], store: Store, scene: Scene, event: Event, due: datetime) -> Joined:
    """Match the labels with their predictions.

    Args:
        due: of the timer that the event tells of; the same at every delivery.

    Raises: eventing.store.StoreError.
    """
    scoring = load_scoring(store, scene.card) if scene.card else None
    with transaction(sessions, read_only=True) as session:
        batches = batches_for(session, scene.model, scene.labels, scene.window)
    found = find(store, batches, scene.labels)
    target = Target(scoring.classes) if scoring else Target(open=True)
    with transaction(sessions, read_only=True) as session:
        known = _known(session, scene.model, [each.prediction_id for each in found.predictions])
    matching = match(scene.labels, found.predictions, known, target=target, window=scene.window)
    waiting = [each for each in matching.joins if waits(each, scene.window, scene.read_at)]
    stays = {each.label.label_id for each in waiting}
    settled = [each for each in matching.joins if each.label.label_id not in stays]
    through = joined_through(scene.read_at, waiting, scene.left)
    file = _write(store, scene, settled, due, event) if settled else None
    rows = list(_rows(scene.model, settled, found, scoring))
    with transaction(sessions, read_only=True) as session:
        coverage = covered(session, scene.coverage, scene.model, rows, through=through, window=scene.window)
    return Joined(scene, through, settled, scoring, rows, coverage, file)


def record(session: Session, row: FeedbackRow, joined: Joined, now: datetime) -> Matching:
    """Write the joined labels and take the settled ones off those that wait.

    Raises: Stale when another joining came between.
    """
    scene = joined.scene
    if row.joined_through != scene.before:
        raise Stale(f"the labels of {scene.model} are being joined by another")
    seqs = [scene.seqs[each.label.label_id] for each in joined.settled]
    taken = 0
    for first in range(0, len(seqs), 500):
        chosen = delete(WaitingLabel).where(WaitingLabel.seq.in_(seqs[first : first + 500]))
        taken += session.connection().execute(chosen).rowcount
    if taken != len(seqs):
        raise Stale(f"the labels of {scene.model} were joined by another")
    add_joined(session, joined.rows)
    if joined.coverage != scene.coverage:
        row.coverage = joined.coverage.model_dump(mode="json")
    row.joined_through = max(joined.through, row.joined_through or joined.through)
    return Matching(tuple(joined.settled), {})


def _rows(
    model: str, settled: Sequence[Join], found: Found, scoring: Scoring | None
) -> Iterator[dict[str, Any]]:
    predictions = {each.prediction_id: each for each in found.predictions}
    for each in settled:
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
            "loss": _loss(scoring, found.answers.get(each.prediction_id), each.value),
            "label_id": each.label.label_id,
            "received_at": each.label.received_at,
            "release": None,
        }


def told(event: Event, joined: Joined, counts: Matching, now: datetime) -> Event:
    """Build the event that tells of a joining."""
    fates = {fate.value: count for fate, count in counts.counts.items()}
    payload = kinds.FeedbackJoined(
        model=joined.scene.model,
        through=joined.through,
        labels=joined.file,
        versions=joined.coverage.versions,
        **fates,
    )
    source = kinds.source_of(FUNCTION)
    return answer(event, kinds.FEEDBACK_JOINED, source, joined.scene.model, payload, now=now)


def _card(session: Session, model: str) -> Claim | None:
    """Return the card of the champion, else of the newest version: what a label may be."""
    version = champion(session, model)
    if version is None:
        registered = versions_of(session, model)
        return registered[-1].card if registered else None
    row = get_version(session, model, version)
    return row.card if row else None


def _known(session: Session, model: str, ids: Sequence[str]) -> dict[str, Value]:
    known: dict[str, Value] = {}
    for first in range(0, len(ids), 500):
        chosen = select(JoinedLabel).where(
            JoinedLabel.model == model, JoinedLabel.prediction_id.in_(ids[first : first + 500])
        )
        known |= {row.prediction_id: row.value for row in session.scalars(chosen)}
    return known


def _loss(scoring: Scoring | None, answer: str | float | None, value: Value) -> float | None:
    if scoring is None:
        return None
    try:
        return scoring.loss(answer, value)
    except (TypeError, ValueError):
        return None


def _write(store: Store, scene: Scene, settled: Sequence[Join], due: datetime, event: Event) -> Claim:
    """Write what became of each label; the event alone decides where, so a redelivery writes over it."""
    table = pa.table(
        {
            "label_id": [each.label.label_id for each in settled],
            "prediction_id": pa.array([each.prediction_id for each in settled], pa.string()),
            "fate": [each.fate.value for each in settled],
            "label": pa.array(
                [None if each.value is None else str(each.value) for each in settled], pa.string()
            ),
            "received_at": [each.label.received_at for each in settled],
        }
    )
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    name = uuid7(due, f"{event.source} {event.id}")
    folder = f"s3://labels/{scene.model}/date={due:%Y-%m-%d}/hour={due:%H}"
    return store.put(f"{folder}/{name}.parquet", buffer.getvalue())
