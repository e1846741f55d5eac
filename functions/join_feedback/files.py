"""Reads files of labels: CSV, JSON Lines or Parquet, by `prediction_id`, or by `entity` and `time`."""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.json as pa_json
import pyarrow.parquet as pq

from eventing.catalogue import ObjectRecord
from eventing.errors import Rejected
from eventing.event import Event
from eventing.store import ObjectMissing, Store

BUCKET = "feedback"
MAX_BYTES = 512 << 20
_MODEL = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")
_KNOWN = ("label", "prediction_id", "entity", "time")
_KINDS = (".csv", ".jsonl", ".ndjson", ".parquet")


@dataclass(frozen=True)
class LabelFile:
    """An object of the bucket `feedback`."""

    model: str
    key: str
    etag: str

    @property
    def uri(self) -> str:
        """Its address in the store."""
        return f"s3://{BUCKET}/{self.key}"


def file_of(event: Event, record: ObjectRecord) -> LabelFile | None:
    """Return which file an event tells of; None for a folder's marker or a hidden file.

    Raises:
        Rejected: it lies in no model's folder, or is of a kind that is not read.
    """
    key = event.subject if event.subject else unquote_plus(record.s3.object.key)
    name = key.rpartition("/")[2]
    if not name or name.startswith((".", "_")):
        return None
    model = key.partition("/")[0] if "/" in key else ""
    if not _MODEL.fullmatch(model):
        raise Rejected(f"s3://{BUCKET}/{key} lies in no model's folder: drop it as {BUCKET}/<model>/{name}")
    if _kind(name) is None:
        raise Rejected(f"s3://{BUCKET}/{key} is of no kind that is read: expected {', '.join(_KINDS)}")
    return LabelFile(model, key, (record.s3.object.etag or "").strip('"'))


def read_labels(store: Store, file: LabelFile) -> list[dict[str, Any]]:
    """Return a file's rows as labels that wait; rows without a label or a prediction are kept as they are.

    Raises:
        Rejected: no table can be read, or the columns are not those of labels.
    """
    try:
        data = store.get(file.uri)
    except ObjectMissing as error:
        raise Rejected(f"{file.uri} is gone: drop it again") from error
    if len(data) > MAX_BYTES:
        raise Rejected(f"{file.uri} has {len(data)} bytes, at most {MAX_BYTES} are read: split it")
    try:
        table = _read(data, file.key)
    except (pa.ArrowException, OSError, UnicodeDecodeError, EOFError) as error:
        raise Rejected(f"{file.uri} cannot be read: {str(error)[:300]}") from error
    _check_columns(table, file)
    return list(_rows(table, file))


def _kind(name: str) -> str | None:
    bare = name.lower().removesuffix(".gz")
    kind = next((each for each in _KINDS if bare.endswith(each)), None)
    return None if kind == ".parquet" and name.lower().endswith(".gz") else kind


def _read(data: bytes, key: str) -> pa.Table:
    if key.lower().endswith(".gz"):
        data = gzip.decompress(data)
    match _kind(key):
        case ".csv":
            texts = pa_csv.ConvertOptions(
                column_types=dict.fromkeys(_KNOWN, pa.string()), strings_can_be_null=True
            )
            return pa_csv.read_csv(io.BytesIO(data), convert_options=texts)
        case ".parquet":
            return pq.read_table(io.BytesIO(data), use_threads=False)
        case _:
            return pa_json.read_json(io.BytesIO(data))


def _check_columns(table: pa.Table, file: LabelFile) -> None:
    names = set(table.column_names)
    enough = "label" in names and ("prediction_id" in names or {"entity", "time"} <= names)
    if not enough:
        found = ", ".join(table.column_names) or "none"
        raise Rejected(
            f"{file.uri} has the columns {found}: labels need `label` and `prediction_id`, "
            "or `label`, `entity` and `time`"
        )


def _rows(table: pa.Table, file: LabelFile) -> Iterator[dict[str, Any]]:
    rows = table.num_rows
    columns = {
        name: table.column(name).to_pylist() if name in table.column_names else [None] * rows
        for name in _KNOWN
    }
    for row in range(rows):
        entity, identity = columns["entity"][row], columns["prediction_id"][row]
        yield {
            "label_id": f"{file.key}@{file.etag}#{row + 1}",
            "value": _plain(columns["label"][row]),
            "prediction_id": None if identity is None else str(identity).strip(),
            "entity": None if entity is None else str(entity),
            "time": _time(columns["time"][row]),
        }


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _time(value: Any) -> datetime | None:
    """Read ISO 8601, seconds since the epoch, or a timestamp; without a zone it is UTC; else None."""
    try:
        if isinstance(value, str):
            value = float(value) if re.fullmatch(r"[0-9.]+", value) else datetime.fromisoformat(value)
        if isinstance(value, int | float):
            value = datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    if not isinstance(value, datetime):
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value
