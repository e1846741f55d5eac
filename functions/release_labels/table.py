"""Writes labelled predictions as a table with the columns of the dataset."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from eventing.store import Store
from functions.inferences.log import INPUT, read_log
from functions.release_labels.release import Release
from functions.state.labels import JoinedLabel
from pipelines.spec import ModelSpec


def write_file(store: Store, release: Release) -> None:
    """Write the file. Raises: eventing.store.StoreError."""
    buffer = io.BytesIO()
    pq.write_table(_table(store, release), buffer, compression="zstd")
    store.put(release.uri, buffer.getvalue())


def _table(store: Store, release: Release) -> pa.Table:
    """Put the inputs as they were sent beside their labels; a column that was not sent is null."""
    spec = release.spec
    labelled = {label.prediction_id for label in release.labels}
    wanted = [INPUT + name for name in release.columns if name != spec.target]
    log = read_log(store, [batch.claim for batch in release.batches], ["prediction_id", *wanted])
    positions: dict[str, int] = {}
    for position, prediction_id in enumerate(log.column("prediction_id").to_pylist()):
        if prediction_id in labelled:
            positions.setdefault(prediction_id, position)
    labels = [label for label in release.labels if label.prediction_id in positions]
    inputs = log.take(pa.array([positions[label.prediction_id] for label in labels], pa.int64()))
    table = pa.table({name: _column(name, spec, inputs, labels) for name in release.columns})
    return table.take(pa.array(_newest_of_each_entity(table, spec), pa.int64()))


def _newest_of_each_entity(table: pa.Table, spec: ModelSpec) -> list[int]:
    """Return the rows that stay: a file of data has one for each entity, and timestamp where there is one."""
    names = [name for name in (spec.entity, spec.timestamp) if name in table.column_names]
    if spec.entity is None or spec.entity not in names:
        return list(range(table.num_rows))
    keys = zip(*(table.column(name).to_pylist() for name in names), strict=True)
    return sorted({key: row for row, key in enumerate(keys)}.values())


def _column(name: str, spec: ModelSpec, inputs: pa.Table, labels: Sequence[JoinedLabel]) -> pa.Array:
    if name == spec.target:
        return _values([label.value for label in labels])
    sent = inputs.column(INPUT + name) if inputs.schema.get_field_index(INPUT + name) >= 0 else None
    if sent is not None and not pa.types.is_null(sent.type):
        return sent
    if name == spec.entity:
        return pa.array([label.entity for label in labels], pa.string())
    if name == spec.timestamp:
        return pa.array([label.at for label in labels], pa.timestamp("us", tz="UTC"))
    return pa.nulls(len(labels), pa.string())


def _values(values: Sequence[Any]) -> pa.Array:
    if {type(value) for value in values} <= {int, float}:
        return pa.array(values)
    return pa.array([value if isinstance(value, str) else json.dumps(value) for value in values], pa.string())
