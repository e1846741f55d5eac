"""Step 1: bring the dataset's parts, as far as the window reaches, into one table."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from eventing.catalogue import Claim
from eventing.store import DigestMismatch, ObjectMissing, RequestRefused, Store, StoreUnavailable
from pipelines.errors import StepError, TransientError
from pipelines.model_file import MAX_BYTES
from pipelines.request import RunRequest
from pipelines.spec import ModelSpec, SpecError, parse_spec
from pipelines.steps import files
from pipelines.steps.join import join_views
from pipelines.tables import canonical
from pipelines.values.arrays import ARROW_TYPES
from pipelines.values.form import Form

_CHUNK = 1 << 20
_BATCH_CELLS = 4_000_000  # a batch is at most this many values, so that wide files are read in small steps


def extract(store: Store, request: RunRequest, folder: Path) -> dict[str, Any]:
    """Write the table, the spec and the schema into `folder`, and return what was extracted.

    Raises:
        StepError: a part is missing, damaged or no Parquet, or the spec is no longer valid.
        TransientError: the store does not answer.
    """
    folder.mkdir(parents=True, exist_ok=True)
    raw_spec = fetch(store, request.spec)
    spec = read_spec(raw_spec, request.model)
    schema = json.loads(fetch(store, request.data_schema))
    manifest = json.loads(fetch(store, request.dataset))
    columns = schema["columns"]
    wanted = pa.schema([(column["name"], ARROW_TYPES[column["kind"]]) for column in columns])
    parts = manifest["parts"]
    first = spec.train.window.start([part["rows"] for part in parts])
    used = parts[first:]
    with pa.OSFile(str(folder / files.TABLE), "wb") as sink, pa.ipc.new_file(sink, wanted) as writer:
        rows = [_append(store, part, columns, writer) for part in used]
    (folder / files.SPEC).write_bytes(raw_spec)
    if request.registered is not None:
        (folder / files.REGISTERED).write_bytes(_fetch_registered(store, request.registered.file))
    else:
        _extract_code(store, request, spec, folder)
    files.write_json(folder / files.REQUEST, request.to_parameters())
    extracted = {
        "rows": sum(rows),
        "rows_of_parts": rows,
        "rows_before": sum(part["rows"] for part in parts[:first]),
        "parts": [{key: part.get(key) for key in ("uri", "sha256", "rows", "key")} for part in used],
        "parts_in_dataset": len(parts),
        "schema": schema,
    }
    if spec.features is not None:
        read_parts = partial(_read_parts, store)
        extracted = join_views(store, spec, spec.features, folder, extracted, parts, read_parts)
    files.write_json(folder / files.EXTRACTED, extracted)
    return extracted


def _extract_code(store: Store, request: RunRequest, spec: ModelSpec, folder: Path) -> None:
    if spec.train.code is None:
        return
    if request.code is None:
        raise StepError(
            f"model.yaml names {spec.train.code}, and the run was approved without it",
            f"drop model.yaml and {spec.train.code} again",
        )
    (folder / files.CODE).write_bytes(fetch(store, request.code.train))
    if request.code.requirements is not None:
        (folder / files.REQUIREMENTS).write_bytes(fetch(store, request.code.requirements))


def fetch(store: Store, claim: Claim) -> bytes:
    """Read what a claim promises. Raises: StepError, TransientError as `extract`."""
    try:
        return store.get(claim.uri, claim.sha256)
    except (ObjectMissing, DigestMismatch) as error:
        raise _gone(error) from error
    except StoreUnavailable as error:
        raise TransientError(str(error)) from error


def _fetch_registered(store: Store, claim: Claim) -> bytes:
    """Read a model that was made elsewhere. Raises: StepError, TransientError as `extract`."""
    fix = "register the file again: kascade register FILE --model NAME"
    try:
        size = store.head(claim.uri).size
        if size > MAX_BYTES:
            raise StepError(f"{claim.uri} has {size} bytes, at most {MAX_BYTES} are read", "make it smaller")
        return store.get(claim.uri, claim.sha256)
    except (ObjectMissing, DigestMismatch, RequestRefused) as error:
        raise StepError(f"the registered model cannot be read: {error}", fix) from error
    except StoreUnavailable as error:
        raise TransientError(str(error)) from error


def read_spec(raw: bytes, model: str) -> ModelSpec:
    """Parse the spec. Raises: StepError when it is not valid."""
    try:
        return parse_spec(raw, model=model)
    except SpecError as error:
        raise StepError(f"the spec is not valid: {error}", "correct model.yaml and drop it again") from error


def _gone(error: Exception) -> StepError:
    return StepError(f"the dataset is damaged: {error}", "drop the file again, so that it is ingested anew")


def _read_parts(
    store: Store, parts: Sequence[Mapping[str, Any]], columns: Sequence[Mapping[str, Any]]
) -> pa.Table:
    """Read some columns of parts into memory. Raises: as `extract`."""
    wanted = pa.schema([(column["name"], ARROW_TYPES[column["kind"]]) for column in columns])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, wanted) as writer:
        for part in parts:
            _append(store, part, columns, writer)
    return pa.ipc.open_file(sink.getvalue()).read_all()


def _append(
    store: Store,
    part: Mapping[str, Any],
    columns: Sequence[Mapping[str, Any]],
    writer: pa.RecordBatchFileWriter,
) -> int:
    with tempfile.TemporaryFile() as local:
        _download(store, Claim(uri=part["uri"], sha256=part["sha256"]), local)
        try:
            source = pq.ParquetFile(local)
        except pa.ArrowInvalid as error:
            raise _gone(error) from error
        found = set(source.schema_arrow.names)
        present = [c["name"] for c in columns if c["name"] in found]
        rows = 0
        for batch in source.iter_batches(max(256, _BATCH_CELLS // len(columns)), columns=present):
            writer.write_table(_conform(pa.Table.from_batches([batch]), columns))
            rows += batch.num_rows
    return rows


def _download(store: Store, claim: Claim, into: BinaryIO) -> None:
    digest = hashlib.sha256()
    try:
        with store.open(claim.uri) as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
                into.write(chunk)
    except ObjectMissing as error:
        raise _gone(error) from error
    except StoreUnavailable as error:
        raise TransientError(str(error)) from error
    if digest.hexdigest() != claim.sha256:
        raise _gone(DigestMismatch(claim.uri, claim.sha256, digest.hexdigest()))
    into.seek(0)


def _conform(table: pa.Table, columns: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Give a part the schema's columns in its order; a column that an older part lacks is all missing."""
    given = dict(zip(table.column_names, table.columns, strict=True))
    arrays = {}
    for column in columns:
        name, kind = column["name"], column["kind"]
        if name in given:
            arrays[name] = canonical(given[name], kind, name, Form.from_json(column))
        else:
            arrays[name] = pa.chunked_array([pa.nulls(table.num_rows, ARROW_TYPES[kind])])
    return pa.table(arrays)
