"""Gives labelled predictions back as rows to train on: one file in `raw/<model>/labelled/`.

From there it takes the way of every file: the same checks, the same dataset. Its name follows from its rows,
so a crash before the commit writes the same file again.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from eventing.store import Store
from functions.inferences.ids import uuid7
from functions.inferences.log import INPUT, read_log
from functions.state.datasets import KeptSchema, get_dataset
from functions.state.inferences import InferenceBatch, batches_between
from functions.state.labels import FeedbackRow, JoinedLabel
from functions.state.specs import spec_of
from pipelines.spec import ModelSpec

MOST_ROWS = 50_000


@dataclass(frozen=True)
class Release:
    """Labels to give back, the log's files with their inputs, and the columns the data has."""

    spec: ModelSpec
    columns: tuple[str, ...]
    labels: list[JoinedLabel]
    batches: list[InferenceBatch]


def due(session: Session, row: FeedbackRow) -> bool:
    """Say whether enough labelled rows gathered: what the spec says, or what harm needs since its alarm."""
    spec = spec_of(session, row.model)
    if spec is None or not spec.labels.train:
        return False
    waiting = select(func.count()).select_from(JoinedLabel).filter_by(model=row.model, released=False)
    if (session.scalar(waiting) or 0) >= spec.labels.min_rows:
        return True
    if row.alarmed_at is None:
        return False
    since = session.scalar(waiting.where(JoinedLabel.received_at >= row.alarmed_at)) or 0
    return since >= max(1, spec.retrain.harm_min_rows)


def plan(session: Session, model: str) -> Release | None:
    """Read what is given back now; None when there is nothing, or no data to be like."""
    row, spec = session.get(FeedbackRow, model), spec_of(session, model)
    dataset = get_dataset(session, model)
    if (
        row is None
        or spec is None
        or dataset is None
        or dataset.schema_sha256 is None
        or not due(session, row)
    ):
        return None
    kept = session.get(KeptSchema, (model, dataset.schema_sha256))
    newest = select(JoinedLabel).filter_by(model=model, released=False).order_by(JoinedLabel.at.desc())
    labels = sorted(session.scalars(newest.limit(MOST_ROWS)), key=lambda each: (each.at, each.prediction_id))
    if kept is None or not labels:
        return None
    columns = tuple(column["name"] for column in json.loads(kept.document)["columns"])
    batches = batches_between(session, model, labels[0].at, labels[-1].at, shadow=False)
    return Release(spec, columns, labels, [batch for batch in batches if batch.rows])


def write(store: Store, release: Release) -> str:
    """Write the file and return its address. Raises: eventing.store.StoreError."""
    data = _parquet(_table(store, release))
    digest = hashlib.sha256(data).hexdigest()[:12]
    name = uuid7(release.labels[-1].at, digest)
    return store.put(f"s3://raw/{release.spec.model}/labelled/{name}-{digest}.parquet", data).uri


def note(session: Session, row: FeedbackRow, release: Release) -> None:
    """Mark the rows as given back."""
    ids = [label.prediction_id for label in release.labels]
    for first in range(0, len(ids), 500):
        session.execute(
            update(JoinedLabel)
            .where(JoinedLabel.model == row.model, JoinedLabel.prediction_id.in_(ids[first : first + 500]))
            .values(released=True)
        )
    row.alarmed_at = None


def _table(store: Store, release: Release) -> pa.Table:
    """Put the inputs as they were sent beside their labels; a column that was not sent is null."""
    spec = release.spec
    labels = {label.prediction_id: label for label in release.labels}
    wanted = [INPUT + name for name in release.columns if name != spec.target]
    log = read_log(store, [batch.claim for batch in release.batches], ["prediction_id", *wanted])
    ids = log.column("prediction_id").to_pylist()
    places: dict[str, int] = {}
    for place, identity in enumerate(ids):
        if identity in labels:
            places.setdefault(identity, place)
    rows = [label for label in release.labels if label.prediction_id in places]
    taken = log.take(pa.array([places[label.prediction_id] for label in rows], pa.int64()))
    return pa.table({name: _column(name, spec, taken, rows) for name in release.columns})


def _column(name: str, spec: ModelSpec, taken: pa.Table, rows: Sequence[JoinedLabel]) -> pa.Array:
    if name == spec.target:
        return _values([row.value for row in rows])
    sent = taken.column(INPUT + name) if INPUT + name in taken.column_names else None
    if sent is not None and not pa.types.is_null(sent.type):
        return sent
    if name == spec.entity:
        return pa.array([row.entity for row in rows], pa.string())
    if name == spec.timestamp:
        return pa.array([row.at for row in rows], pa.timestamp("us", tz="UTC"))
    return pa.nulls(len(rows), pa.string())


def _values(values: Sequence[Any]) -> pa.Array:
    if {type(value) for value in values} <= {int, float}:
        return pa.array(values)
    return pa.array([value if isinstance(value, str) else json.dumps(value) for value in values], pa.string())


def _parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()
