"""The form of the log of predictions: one row for each prediction, as Parquet.

Columns: `prediction_id`, `at` (UTC), `version`, `shadow`, `entity`, `latency_ms`, `predicted` (a class as
canonical text), `predicted_number` (a regressor's answer), `probabilities`, `score` (as in the reference
data, see `pipelines.layout.SCORE`), `label_asked` (whether the label is asked for at random, where that is
done), `outlier` and `outlier_score` where a detector marks them, and one column `in.<feature>` for each input
as the client sent it. Whatever reads Parquet can read it.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from eventing.catalogue import Claim, InferenceLogged
from eventing.store import Store
from functions.inferences.labels import text_of

INPUT = "in."
# Most of a small file's time is its way over the network.
_MANY, _AT_ONCE = 4, 8
_FIXED = pa.schema(
    [
        ("prediction_id", pa.string()),
        ("at", pa.timestamp("ms", tz="UTC")),
        ("version", pa.int32()),
        ("shadow", pa.bool_()),
        ("entity", pa.string()),
        ("latency_ms", pa.float32()),
        ("predicted", pa.string()),
        ("predicted_number", pa.float64()),
        ("probabilities", pa.list_(pa.float32())),
        ("score", pa.float64()),
        ("label_asked", pa.bool_()),
        ("outlier", pa.bool_()),
        ("outlier_score", pa.float64()),
    ]
)


def table_of(logged: InferenceLogged) -> pa.Table:
    """Return a batch's rows in the form of the log. Raises: ValueError when its lists differ in length."""
    rows = len(logged.ids)
    columns: dict[str, Any] = {
        "prediction_id": logged.ids,
        "at": logged.times_ms,
        "version": [logged.version] * rows,
        "shadow": [logged.shadow] * rows,
        "entity": logged.entities,
        "latency_ms": logged.latencies_ms,
        "predicted": None if logged.labels is None else [text_of(label) for label in logged.labels],
        "predicted_number": logged.predictions,
        "probabilities": logged.probabilities,
        "score": _scores(logged),
        "label_asked": logged.label_asked,
    }
    arrays = {
        field.name: pa.array(_of_length(field.name, columns.get(field.name), rows), field.type)
        for field in _FIXED
    }
    for name, values in logged.inputs.items():
        arrays[INPUT + name] = _input(_of_length(name, values, rows))
    return pa.table(arrays)


def to_parquet(table: pa.Table) -> bytes:
    """Write a table of the log: a few rows, so dictionaries and statistics would cost more than they save."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", use_dictionary=False, write_statistics=False)
    return buffer.getvalue()


def read_log(store: Store, files: Iterable[Claim], columns: Sequence[str] | None = None) -> pa.Table:
    """Return the rows of some files of the log, in the files' order.

    Args:
        columns: only these, as far as a file has them.

    Raises:
        eventing.store.StoreError: a file cannot be read, or is not the one that was written.
    """

    def read(claim: Claim) -> pa.Table:
        return _read(store.get(claim.uri, sha256=claim.sha256), columns)

    claims = list(files)
    if len(claims) < _MANY:
        return together([read(claim) for claim in claims])
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return together(list(pool.map(read, claims)))


def together(tables: Sequence[pa.Table]) -> pa.Table:
    """Put tables of the log below one another; an input that has two types in them becomes text."""
    if not tables:
        return _FIXED.empty_table()
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.concat_tables([_inputs_as_text(table) for table in tables], promote_options="permissive")


def _read(data: bytes, columns: Sequence[str] | None) -> pa.Table:
    file = pq.ParquetFile(io.BytesIO(data))
    wanted = None if columns is None else [name for name in columns if name in file.schema_arrow.names]
    return file.read(wanted, use_threads=False)


def _of_length(name: str, values: Sequence[Any] | None, rows: int) -> Sequence[Any]:
    if values is None:
        return [None] * rows
    if len(values) != rows:
        raise ValueError(f"{name} has {len(values)} values for {rows} predictions")
    return values


def _input(values: Sequence[Any]) -> pa.Array:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {bool}:
        return pa.array(values, pa.bool_() if kinds else pa.null())
    if kinds <= {int, float}:
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    return pa.array([None if value is None else _as_text(value) for value in values], pa.string())


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else text_of(value) or str(value)


def _inputs_as_text(table: pa.Table) -> pa.Table:
    for index, name in enumerate(table.column_names):
        if name.startswith(INPUT) and not pa.types.is_null(table.schema.field(name).type):
            values = [None if value is None else _as_text(value) for value in table.column(name).to_pylist()]
            table = table.set_column(index, name, pa.array(values, pa.string()))
    return table


def _scores(logged: InferenceLogged) -> Sequence[float] | None:
    if logged.predictions is not None:
        return logged.predictions
    if logged.probabilities is None:
        return None
    return [row[1] if len(row) == 2 else max(row) for row in logged.probabilities]
