"""Ingests a data file: checks it, stores its good rows as a part, and appends the part to the dataset.

The long work happens outside of any transaction. The commit then verifies that the spec and the kept schema
are still the same; otherwise the work is done again. The manifest, which lists all parts, is written after
the commit and before its event is sent: after a crash between the two, the next delivery writes it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from eventing.catalogue import Claim, DatasetIngested, Unchanged
from eventing.errors import RetryLater
from eventing.event import Event
from eventing.store import ObjectChanged, ObjectMissing
from functions.data_files.data_warnings import bounded
from functions.data_files.object_keys import DataFile, DroppedObject
from functions.data_files.quarantine import store_report
from functions.data_files.refusal import FileRefused
from functions.data_files.spool import spool
from functions.ingest_data.context import FUNCTION, Context, dataset_rejected, log, respond, unchanged
from functions.ingest_data.part import Part, StoredPart, store_part
from functions.ingest_data.process_file import Processed, process_file
from functions.ingest_data.schema import DataSchema
from functions.state import datasets
from functions.state.database import transaction
from functions.state.handled import Stale, handle_once
from functions.state.specs import RegisteredSpec, current_spec
from pipelines.spec import ModelSpec

_ATTEMPTS = 20
_CHANGING = "the model's spec or schema keeps changing"
_LARGE_BYTES = 32 << 20


@dataclass(frozen=True)
class _Basis:
    """What one attempt at a file relies on."""

    event: Event
    dropped: DroppedObject
    model: str
    now: datetime
    spec_row: RegisteredSpec
    spec: ModelSpec
    kept: DataSchema | None


@dataclass(frozen=True)
class _Outcome:
    """What became of the file, once it is in the store; `processed` is None for one that was superseded."""

    basis: _Basis
    processed: Processed | None = None
    stored: StoredPart | None = None
    report: Claim | None = None


def ingest_file(context: Context, event: Event, dropped: DroppedObject, file: DataFile) -> list[Event]:
    """Answer with dataset.ingested or dataset.rejected.

    It is dataset.unchanged when the file waits for its spec, was replaced or removed meanwhile, or when its
    rows are a part already.

    Raises:
        RetryLater: the spec or schema kept changing, or the scratch disk is full.
    """
    now = context.clock()
    events = handle_once(
        context.sessions,
        FUNCTION,
        event,
        read=lambda session: _read(session, event, dropped, file.model, now),
        work=lambda basis: None if basis is None else _process(context, basis, file),
        write=lambda session, outcome: (
            _wait(session, event, dropped, file.model, now) if outcome is None else _commit(session, outcome)
        ),
        attempts=_ATTEMPTS,
        now=now,
    )
    for each in events:
        if each.type == DatasetIngested.type:
            _put_manifest(context, DatasetIngested.model_validate(each.data))
    return events


def _read(session: Session, event: Event, dropped: DroppedObject, model: str, now: datetime) -> _Basis | None:
    """Return the spec and schema that the file is checked by; None while the model has no spec."""
    spec_row = current_spec(session, model)
    if spec_row is None:
        return None
    schema_row = datasets.kept_schema(session, model)
    kept = DataSchema.from_json(schema_row.document) if schema_row else None
    return _Basis(event, dropped, model, now, spec_row, spec_row.parse(), kept)


def _wait(session: Session, event: Event, dropped: DroppedObject, model: str, now: datetime) -> list[Event]:
    """Keep the event until the model has a spec."""
    datasets.lock_dataset(session, model)
    if current_spec(session, model) is not None:
        raise Stale(_CHANGING, after_s=2)
    datasets.wait_for_spec(session, model, dropped.key, dropped.etag, event, now)
    why, fix = f"{model} has no model.yaml yet: the file waits for one", f"drop {model}/model.yaml"
    return [unchanged(event, dropped, model, Unchanged.WAITS, why, now, fix=fix)]


def _process(context: Context, basis: _Basis, file: DataFile) -> _Outcome:
    """Read the file from beginning to end, and put its part and its report into the store."""
    store, settings, spec = context.store, context.settings, basis.spec
    with tempfile.TemporaryDirectory(prefix="ingest-", dir=settings.scratch_dir) as scratch:
        folder = Path(scratch)
        try:
            with store.open(basis.dropped.uri, basis.dropped.etag) as stream:
                spooled = spool(
                    stream,
                    folder,
                    file.format,
                    settings,
                    encoding=spec.ingest.encoding,
                    target=spec.target,
                )
            with context.large_file if spooled.size > _LARGE_BYTES else contextlib.nullcontext():
                now = basis.event.time or basis.now
                processed = process_file(
                    spooled,
                    spec,
                    basis.kept,
                    now=now,
                    folder=folder,
                    max_columns=settings.max_columns,
                    folders=dict(file.folders),
                )
        except FileRefused as refusal:
            processed = Processed(None, refusal)
        except (ObjectMissing, ObjectChanged) as error:
            log("superseded", basis.dropped, why=str(error))
            return _Outcome(basis)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise RetryLater("the scratch disk is full", after_s=30) from error
            raise
        log(
            "processed",
            basis.dropped,
            rows=processed.rows,
            bad_rows=processed.bad_rows,
            ignored_columns=processed.ignored_columns[:20],
        )
        report = stored = None
        if processed.refusal is not None or processed.bad_rows:
            report = store_report(store, basis.model, _report(basis, processed), processed.bad_cells)
        if processed.part is not None:
            stored = store_part(store, basis.model, processed.part)
        return _Outcome(basis, processed, stored, report)


def _report(basis: _Basis, processed: Processed) -> dict[str, Any]:
    refusal = processed.refusal
    return {
        "model": basis.model,
        "key": basis.dropped.key,
        "etag": basis.dropped.etag,
        "spec_sha256": basis.spec_row.sha256,
        "refused": None if refusal is None else refusal.reason,
        "problems": [] if refusal is None else [one.model_dump() for one in refusal.problems],
        "rows": processed.rows,
        "bad_rows": processed.bad_rows,
        "bad_cells": list(processed.summary),
        "ignored_columns": list(processed.ignored_columns),
        "unlabelled_rows": processed.unlabelled_rows,
        "warnings": [one.model_dump(exclude_none=True) for one in processed.warnings],
    }


def _commit(session: Session, outcome: _Outcome) -> list[Event]:
    """Put the part at the end of the dataset; return the event about it, or about the refusal.

    Raises: Stale when the spec or the kept schema is another than the outcome relies on.
    """
    basis, processed, stored, report = outcome.basis, outcome.processed, outcome.stored, outcome.report
    if processed is None:
        why = "it was replaced or removed before it could be read"
        return [unchanged(basis.event, basis.dropped, basis.model, Unchanged.REPLACED, why, basis.now)]
    dataset = datasets.lock_dataset(session, basis.model)
    spec_row = current_spec(session, basis.model)
    known_schemas = (basis.kept.sha256 if basis.kept else None, stored.schema.sha256 if stored else None)
    if spec_row is None or spec_row.seq != basis.spec_row.seq or dataset.schema_sha256 not in known_schemas:
        raise Stale(_CHANGING, after_s=2)
    if processed.refusal is not None:
        uri = report.uri if report else None
        return [dataset_rejected(basis.event, basis.dropped, basis.model, processed.refusal, basis.now, uri)]
    assert processed.part is not None and stored is not None  # noqa: S101, PT018 - there is no refusal
    known = datasets.find_part(session, basis.model, processed.part.sha256)
    if known is not None:
        why = f"its rows are in the dataset already, from {known.key}"
        return [unchanged(basis.event, basis.dropped, basis.model, Unchanged.KNOWN_ROWS, why, basis.now)]
    return [_append(session, dataset, basis, processed, processed.part, stored, report)]


def _append(
    session: Session,
    dataset: datasets.Dataset,
    basis: _Basis,
    processed: Processed,
    part: Part,
    stored: StoredPart,
    report: Claim | None,
) -> Event:
    model, spec_sha256, schema = basis.model, basis.spec_row.sha256, stored.schema
    datasets.keep_schema(session, dataset, claim=schema, document=part.schema.to_json(), now=basis.now)
    row = datasets.DatasetPart(
        model=model,
        sha256=part.sha256,
        uri=stored.part.uri,
        rows=part.rows,
        size=part.size,
        key=basis.dropped.key,
        etag=basis.dropped.etag,
        profile_sha256=stored.profile.sha256,
        schema_sha256=schema.sha256,
        spec_sha256=spec_sha256,
        event_id=basis.event.id,
        added_at=basis.now,
    )
    datasets.append_part(session, dataset, row)
    raw = _manifest(session, model, dataset.parts, spec_sha256, schema.sha256)
    dataset.manifest_sha256 = hashlib.sha256(raw).hexdigest()
    payload = DatasetIngested(
        model=model,
        part=stored.part,
        profile=stored.profile,
        dataset=Claim.of(f"s3://datasets/{model}/manifests/{dataset.manifest_sha256}.json", raw),
        spec=basis.spec_row.claim,
        data_schema=schema,
        rows=part.rows,
        total_rows=dataset.rows,
        parts=dataset.parts,
        quarantined_rows=processed.bad_rows,
        quarantine_uri=report.uri if report is not None else None,
        problems=list(processed.problems),
        unlabelled_rows=processed.unlabelled_rows,
        warnings=bounded(processed.warnings),
        key=basis.dropped.key,
    )
    return respond(basis.event, DatasetIngested.type, model, payload, basis.now)


def _manifest(session: Session, model: str, parts: int, spec_sha256: str, schema_sha256: str) -> bytes:
    listed = datasets.parts_of(session, model)[:parts]
    return datasets.manifest(listed, model, spec_sha256=spec_sha256, schema_sha256=schema_sha256)


def _put_manifest(context: Context, ingested: DatasetIngested) -> None:
    """Write the manifest that an event names; parts that came after it are left out."""
    with transaction(context.sessions, read_only=True) as session:
        raw = _manifest(
            session, ingested.model, ingested.parts, ingested.spec.sha256, ingested.data_schema.sha256
        )
    context.store.put(ingested.dataset.uri, raw)
