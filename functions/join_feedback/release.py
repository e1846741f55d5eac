"""Gives labelled predictions back as rows to train on: one file in `raw/<model>/labelled/`.

From there it takes the way of every file: the same checks, the same dataset. Which rows are in it is written
down before the file is: after a crash the same file is written again.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from eventing.store import Store
from functions.inferences.log import INPUT, read_log
from functions.state.datasets import KeptSchema, get_dataset
from functions.state.inferences import InferenceBatch, batches_between
from functions.state.labels import FeedbackRow, JoinedLabel
from functions.state.specs import spec_of
from pipelines.prediction_ids import uuid7
from pipelines.spec import ModelSpec

MOST_ROWS = 50_000


@dataclass(frozen=True)
class Release:
    """A file to be: its labels, the log's files with their inputs, and the columns the data has."""

    name: str
    spec: ModelSpec
    columns: tuple[str, ...]
    labels: list[JoinedLabel]
    batches: list[InferenceBatch]


def due(session: Session, row: FeedbackRow) -> bool:
    """Say whether rows are to be given back: as many as the spec says, or once as many as harm needs.

    After an alarm those count that were labelled since, until some have been given back.
    """
    if row.releasing is not None:
        return True
    spec = spec_of(session, row.model)
    if spec is None or not spec.labels.train:
        return False
    waiting = select(func.count()).select_from(JoinedLabel).filter_by(model=row.model, release=None)
    if (session.scalar(waiting) or 0) >= spec.labels.min_rows:
        return True
    if row.alarmed_at is None or (row.released_at is not None and row.released_at >= row.alarmed_at):
        return False
    since = session.scalar(waiting.where(JoinedLabel.received_at >= row.alarmed_at)) or 0
    return since >= max(1, spec.retrain.harm_min_rows)


def begin(session: Session, row: FeedbackRow, now: datetime) -> Release | None:
    """Choose the rows of a file and note them; one that was begun comes first. None: nothing is due."""
    model, spec, dataset = row.model, spec_of(session, row.model), get_dataset(session, row.model)
    if spec is None or dataset is None or dataset.schema_sha256 is None or not due(session, row):
        return None
    kept = session.get(KeptSchema, (model, dataset.schema_sha256))
    if kept is None:
        return None
    if row.releasing is None:
        row.releasing = _choose(session, model, now)
    chosen = select(JoinedLabel).filter_by(model=model, release=row.releasing)
    labels = list(session.scalars(chosen.order_by(JoinedLabel.at, JoinedLabel.prediction_id)))
    columns = tuple(column["name"] for column in json.loads(kept.document)["columns"])
    batches = batches_between(session, model, labels[0].at, labels[-1].at, shadow=False)
    return Release(row.releasing, spec, columns, labels, [batch for batch in batches if batch.rows])


def write(store: Store, release: Release) -> str:
    """Write the file and return its address. Raises: eventing.store.StoreError."""
    address = f"s3://raw/{release.spec.model}/labelled/{release.name}.parquet"
    return store.put(address, _parquet(_table(store, release))).uri


def end(row: FeedbackRow, release: Release, now: datetime) -> None:
    """Note that the file is there."""
    if row.releasing == release.name:
        row.releasing, row.released_at = None, now


def _choose(session: Session, model: str, now: datetime) -> str:
    """Note the newest rows that wait as those of one file; return its name."""
    waiting = select(JoinedLabel.prediction_id).filter_by(model=model, release=None)
    newest = waiting.order_by(JoinedLabel.at.desc()).limit(MOST_ROWS)
    name = uuid7(now, model)
    chosen = JoinedLabel.prediction_id.in_(newest.scalar_subquery())
    session.execute(update(JoinedLabel).where(JoinedLabel.model == model, chosen).values(release=name))
    return name


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
    table = pa.table({name: _column(name, spec, taken, rows) for name in release.columns})
    return table.take(pa.array(_newest_of_each_entity(table, spec), pa.int64()))


def _newest_of_each_entity(table: pa.Table, spec: ModelSpec) -> list[int]:
    """Return the rows that stay: a file of data has one for each entity, and timestamp where there is one."""
    names = [name for name in (spec.entity, spec.timestamp) if name in table.column_names]
    if spec.entity is None or spec.entity not in names:
        return list(range(table.num_rows))
    keys = zip(*(table.column(name).to_pylist() for name in names), strict=True)
    return sorted({key: row for row, key in enumerate(keys)}.values())


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
