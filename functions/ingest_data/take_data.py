"""Takes a data file: checks it, stores its good rows as a part, and puts the part at the end of the dataset.

The long work happens outside of any transaction; the commit then verifies that what it relied on, the spec
and the kept schema, is still so, and it is done over if not. The manifest, which lists all parts, is written
after the commit and before it is told of: a delivery that dies between is followed by one that writes it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from eventing.catalogue import DATASET_INGESTED, Claim, DatasetIngested
from eventing.errors import RetryLater
from eventing.event import Event
from eventing.store import ObjectChanged, ObjectMissing
from functions.ingest_data.drop import Drop
from functions.ingest_data.encodings import guess_encoding
from functions.ingest_data.examine import Examined, Part, examine
from functions.ingest_data.keys import DataFile
from functions.ingest_data.refusal import FileRefused
from functions.ingest_data.schema import DataSchema
from functions.ingest_data.shelf import StoredPart, store_part, store_report
from functions.ingest_data.spool import Spooled, spool
from functions.ingest_data.workplace import FUNCTION, LARGE, End, Workplace, note, rejection, respond
from functions.state import datasets
from functions.state.database import transaction
from functions.state.handled import Stale, handle_once
from functions.state.specs import RegisteredSpec, current_spec
from pipelines.spec import ModelSpec

_ATTEMPTS = 20
_CHANGING = "the model's spec or schema keeps changing"


@dataclass(frozen=True)
class _Job:
    """One attempt at a file: what it relies on."""

    event: Event
    drop: Drop
    model: str
    now: datetime
    spec_row: RegisteredSpec
    spec: ModelSpec
    kept: DataSchema | None

    @property
    def kept_sha256(self) -> str | None:
        return None if self.kept is None else self.kept.sha256


def take_data(place: Workplace, event: Event, drop: Drop, file: DataFile) -> list[Event]:
    """Answer with dataset.ingested or dataset.rejected.

    Nothing is answered when the file waits for its spec, was replaced or removed meanwhile, or when its rows
    are a part already.

    Raises:
        RetryLater: the spec or schema kept changing, or the scratch disk is full.
    """
    now = place.clock()

    def read(session: Session) -> _Job | None:
        spec_row = current_spec(session, file.model)
        if spec_row is None:
            return None
        schema_row = datasets.kept_schema(session, file.model)
        kept = DataSchema.from_json(schema_row.document) if schema_row else None
        return _Job(event, drop, file.model, now, spec_row, spec_row.parse(), kept)

    def work(job: _Job | None) -> End:
        if job is None:
            return lambda session: _wait(session, event, drop, file.model, now)
        return _take(place, job, file)

    answers = handle_once(
        place.sessions,
        FUNCTION,
        event,
        read=read,
        work=work,
        write=lambda session, end: end(session),
        attempts=_ATTEMPTS,
        now=now,
    )
    for each in answers:
        if each.type == DATASET_INGESTED:
            _put_manifest(place, DatasetIngested.model_validate(each.data))
    return answers


def _wait(session: Session, event: Event, drop: Drop, model: str, now: datetime) -> list[Event]:
    datasets.lock_dataset(session, model)
    if current_spec(session, model) is not None:
        raise Stale(_CHANGING, after_s=2)
    datasets.wait_for_spec(session, model, drop.key, drop.etag, event, now)
    note("waiting for model.yaml", drop, model=model)
    return []


def _take(place: Workplace, job: _Job, file: DataFile) -> End:
    with tempfile.TemporaryDirectory(prefix="ingest-", dir=place.settings.scratch_dir) as folder:
        try:
            examined = _examine(place, job, file, Path(folder))
        except (ObjectMissing, ObjectChanged) as error:
            note("superseded", job.drop, why=str(error))
            return lambda session: []
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise RetryLater("the scratch disk is full", after_s=30) from error
            raise
        report = None
        if examined.refusal is not None or examined.bad_rows:
            report = store_report(place.store, job.model, job.drop, job.spec_row.sha256, examined)
        if examined.part is None:
            return lambda session: _refused(session, job, examined, report)
        part, stored = examined.part, store_part(place.store, job.model, examined.part)
        return lambda session: _append(session, job, examined, part, stored, report)


def _examine(place: Workplace, job: _Job, file: DataFile, folder: Path) -> Examined:
    try:
        with place.store.open(job.drop.uri, job.drop.etag) as stream:
            spooled = spool(
                stream, folder, file.format, place.settings,
                encoding=job.spec.ingest.encoding, guess=guess_encoding,
            )  # fmt: skip
    except FileRefused as refusal:
        return Examined(None, refusal)
    with place.large if spooled.size > LARGE else contextlib.nullcontext():
        return _examine_spooled(place, job, spooled, folder)


def _examine_spooled(place: Workplace, job: _Job, spooled: Spooled, folder: Path) -> Examined:
    examined = examine(
        spooled, job.spec, job.kept, now=job.event.time or job.now, folder=folder,
        max_columns=place.settings.max_columns,
    )  # fmt: skip
    note(
        "examined", job.drop, rows=examined.rows, bad_rows=examined.bad_rows, bytes=spooled.size,
        encoding=spooled.encoding, ignored_columns=examined.ignored_columns[:20],
    )  # fmt: skip
    return examined


def _verify(session: Session, job: _Job, own: str | None) -> datasets.Dataset:
    """Lock the dataset. Raises Stale when the spec or the kept schema is another than the job relies on."""
    dataset = datasets.lock_dataset(session, job.model)
    spec_row = current_spec(session, job.model)
    same_spec = spec_row is not None and spec_row.seq == job.spec_row.seq
    if not same_spec or dataset.schema_sha256 not in (job.kept_sha256, own):
        raise Stale(_CHANGING, after_s=2)
    return dataset


def _refused(session: Session, job: _Job, examined: Examined, report: Claim | None) -> list[Event]:
    _verify(session, job, None)
    assert examined.refusal is not None  # noqa: S101 - without a part there is a refusal
    uri = None if report is None else report.uri
    return [rejection(job.event, job.drop, job.model, examined.refusal, job.now, uri)]


def _append(
    session: Session, job: _Job, examined: Examined, part: Part, stored: StoredPart, report: Claim | None
) -> list[Event]:
    dataset = _verify(session, job, stored.schema.sha256)
    known = datasets.find_part(session, job.model, part.sha256)
    if known is not None:
        note("the same rows are a part already", job.drop, position=known.position, part=part.sha256)
        return []
    document = part.schema.to_json()
    datasets.keep_schema(session, dataset, claim=stored.schema, document=document, now=job.now)
    datasets.append_part(session, dataset, _row(job, part, stored))
    raw = _manifest(session, job.model, dataset.parts, job.spec_row.sha256, stored.schema.sha256)
    dataset.manifest_sha256 = hashlib.sha256(raw).hexdigest()
    manifest = Claim.of(f"s3://datasets/{job.model}/manifests/{dataset.manifest_sha256}.json", raw)
    return [_ingested(job, examined, part, stored, manifest, dataset, report)]


def _row(job: _Job, part: Part, stored: StoredPart) -> datasets.DatasetPart:
    return datasets.DatasetPart(
        model=job.model,
        sha256=part.sha256,
        uri=stored.part.uri,
        rows=part.rows,
        size=part.size,
        key=job.drop.key,
        etag=job.drop.etag,
        profile_sha256=stored.profile.sha256,
        schema_sha256=stored.schema.sha256,
        spec_sha256=job.spec_row.sha256,
        event_id=job.event.id,
        added_at=job.now,
    )


def _manifest(session: Session, model: str, parts: int, spec_sha256: str, schema_sha256: str) -> bytes:
    listed = datasets.parts_of(session, model)[:parts]
    return datasets.manifest(listed, model, spec_sha256=spec_sha256, schema_sha256=schema_sha256)


def _put_manifest(place: Workplace, told: DatasetIngested) -> None:
    """Write the manifest that an event tells of; parts that came after it are left out."""
    with transaction(place.sessions, read_only=True) as session:
        raw = _manifest(session, told.model, told.parts, told.spec.sha256, told.data_schema.sha256)
    place.store.put(told.dataset.uri, raw)


def _ingested(
    job: _Job,
    examined: Examined,
    part: Part,
    stored: StoredPart,
    manifest: Claim,
    dataset: datasets.Dataset,
    report: Claim | None,
) -> Event:
    payload = DatasetIngested(
        model=job.model,
        part=stored.part,
        profile=stored.profile,
        dataset=manifest,
        spec=job.spec_row.claim,
        data_schema=stored.schema,
        rows=part.rows,
        total_rows=dataset.rows,
        parts=dataset.parts,
        quarantined_rows=examined.bad_rows,
        quarantine_uri=report.uri if report is not None else None,
        key=job.drop.key,
    )
    return respond(job.event, DATASET_INGESTED, job.model, payload, job.now)
