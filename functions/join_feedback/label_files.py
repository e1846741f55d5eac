"""Reads files of labels: CSV, JSON Lines or Parquet, by `prediction_id`, or by `entity` and `time`."""

from __future__ import annotations

import gzip
import io
import json
import math
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import IO, Any, cast
from urllib.parse import unquote_plus

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from eventing.catalogue import ObjectRecord
from eventing.errors import Rejected
from eventing.event import Event
from eventing.store import ObjectMissing, Store
from functions.state.keys import storable
from pipelines.prediction_ids import canonical
from pipelines.values.reading import NotRead, read_label, read_time

BUCKET = "feedback"
MAX_BYTES = 512 << 20
_MODEL = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")
_KNOWN = ("label", "prediction_id", "entity", "time")
_PART = 20_000
_ON_THIS_THREAD = pa_csv.ReadOptions(use_threads=False)
"""A reader that is given up amid a file would leave threads, and end the process with them."""
_FROM_FILE = re.compile(r"(.+)@[^@]*#[0-9]+", re.DOTALL)
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
    """Return which file an event is about; None for a folder's marker or a hidden file.

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


def read_labels(store: Store, file: LabelFile) -> Iterator[dict[str, Any]]:
    """Yield a file's rows as labels that wait; rows without a label or a prediction are kept as they are.

    The file is gone through once before the first row comes, so that it is refused whole.

    Raises:
        Rejected: no table can be read, there are no rows, or the columns are not those of labels.
    """
    try:
        data = store.get(file.uri)
    except ObjectMissing as error:
        raise Rejected(f"{file.uri} is gone: drop it again") from error
    if len(data) > MAX_BYTES:
        raise Rejected(f"{file.uri} has {len(data)} bytes, at most {MAX_BYTES} are read: split it")
    try:
        found = sum(len(rows) for rows in _read(data, file))
    except (pa.ArrowException, OSError, UnicodeDecodeError, EOFError, zlib.error, ValueError) as error:
        raise Rejected(f"{file.uri} cannot be read: {str(error)[:300]}") from error
    if not found:
        raise Rejected(f"{file.uri} has no rows")
    rows = (row for chunk in _read(data, file) for row in chunk)
    return (_label(row, file, number) for number, row in enumerate(rows, start=1))


def _kind(name: str) -> str | None:
    bare = name.lower().removesuffix(".gz")
    kind = next((each for each in _KINDS if bare.endswith(each)), None)
    return None if kind == ".parquet" and name.lower().endswith(".gz") else kind


def _read(data: bytes, file: LabelFile) -> Iterator[list[dict[str, Any]]]:
    """Yield a file's rows in parts, with the columns of labels that it has. Raises: Rejected; Arrow's."""
    match _kind(file.key):
        case ".csv":
            wanted = _wanted(pa_csv.open_csv(_open(data, file), _ON_THIS_THREAD).schema.names, file)
            # Of other columns not even the type matters.
            texts = pa_csv.ConvertOptions(
                column_types=dict.fromkeys(wanted, pa.string()),
                include_columns=wanted,
                strings_can_be_null=True,
            )
            batches = iter(pa_csv.open_csv(_open(data, file), _ON_THIS_THREAD, convert_options=texts))
        case ".parquet":
            parquet = pq.ParquetFile(_open(data, file))
            wanted = _wanted(parquet.schema_arrow.names, file)
            batches = parquet.iter_batches(_PART, columns=wanted, use_threads=False)
        case _:
            yield from _json_lines(_open(data, file), file)
            return
    for batch in batches:
        yield batch.to_pylist()


def _open(data: bytes, file: LabelFile) -> IO[bytes]:
    stream = io.BytesIO(data)
    return cast(IO[bytes], gzip.GzipFile(fileobj=stream)) if file.key.lower().endswith(".gz") else stream


def _json_lines(stream: IO[bytes], file: LabelFile) -> Iterator[list[dict[str, Any]]]:
    """Yield a file's objects in parts; a line that is none of them is a row without anything."""
    rows = (_object(line) for line in stream if line.strip())
    known = False
    while part := list(islice(rows, _PART)):
        first = next(filter(None, part), None)
        if first and not known:
            _wanted(list(first), file)
            known = True
        yield part


def _object(line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}


def _wanted(names: Sequence[str], file: LabelFile) -> list[str]:
    """Return those of a file's columns that labels have. Raises: Rejected when they are not enough."""
    enough = "label" in names and ("prediction_id" in names or {"entity", "time"} <= set(names))
    if not enough:
        found = ", ".join(names) or "none"
        raise Rejected(
            f"{file.uri} has the columns {found}: labels need `label` and `prediction_id`, "
            "or `label`, `entity` and `time`"
        )
    if twice := [name for name in _KNOWN if names.count(name) > 1]:
        raise Rejected(f"{file.uri} has two columns `{twice[0]}`: leave one out")
    return [name for name in _KNOWN if name in names]


def file_key(label_id: str) -> str | None:
    """Return the key of the file that a label came from; None for a label that came as an event."""
    found = _FROM_FILE.fullmatch(label_id)
    return found[1] if found else None


def _label(row: Mapping[str, Any], file: LabelFile, number: int) -> dict[str, Any]:
    entity, identity = row.get("entity"), row.get("prediction_id")
    return {
        "label_id": f"{file.key}@{file.etag}#{number}",
        "value": _plain(row.get("label")),
        "prediction_id": None if identity is None else canonical(storable(str(identity).strip())),
        "entity": _entity(entity),
        "time": _time(row.get("time")),
    }


def _entity(value: Any) -> str | None:
    """Return an entity's text as a prediction's has it."""
    try:
        label = read_label(value)
    except NotRead:
        label = str(value)
    return None if label is None else storable(label)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, int | bool):
        return value
    return value if isinstance(value, float) and math.isfinite(value) else storable(str(value))


def is_possible(at: datetime) -> bool:
    """Say whether a prediction can have been made at this time."""
    return 1970 <= at.year < 9000


def _time(value: Any) -> datetime | None:
    """Read ISO 8601, a number since 1970, or a timestamp; without a zone it is UTC; else None."""
    try:
        if isinstance(value, str) and re.fullmatch(r"[0-9.]+", value):
            value = float(value)
        time = read_time(value)
    except ValueError:
        return None
    return time if time is not None and is_possible(time) else None
