"""The job: one dropped file becomes a result beside it, and one event that says how it went.

The result is written whole or not at all, before its event is stored; a repetition finds the stored event and
sends that again, whoever is champion by then.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import (
    BatchCompleted,
    BatchFailed,
    BatchProgressed,
    Claim,
    ObjectRecord,
    source_of,
)
from eventing.clock import utc_now
from eventing.errors import RetryLater
from eventing.event import Event, answer
from eventing.sink import EventSink
from eventing.store import ObjectChanged, ObjectMissing, Store, join_uri
from functions.data_files.data_warnings import bounded
from functions.data_files.object_keys import DataFile, DroppedObject, Ignored, Misplaced, object_of
from functions.data_files.quarantine import store_report
from functions.data_files.refusal import FileRefused, clip, refuse
from functions.score_batch.champion import Champion, champion_of, load_champion
from functions.score_batch.logic import BATCH, kind_of, result_key
from functions.score_batch.progress import Progress
from functions.score_batch.score_file import ScoredFile, score_file
from functions.score_batch.settings import Settings
from functions.state.handled import handle_once, write_once
from functions.state.specs import spec_of
from pipelines.spec import ModelSpec

FUNCTION = "score_batch"
SOURCE = source_of(FUNCTION)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Basis:
    """The spec and the version that a file is scored by."""

    spec: ModelSpec
    champion: Champion


@dataclass(frozen=True)
class Job:
    """Scores the file of one event."""

    settings: Settings
    store: Store
    sessions: sessionmaker[Session]
    sink: EventSink
    clock: Callable[[], datetime] = utc_now
    monotonic_s: Callable[[], float] = time.monotonic

    def run(self, event: Event, record: ObjectRecord) -> None:
        """Score the file and send what came of it.

        Raises: StoreError, SinkError, RetryLater: another attempt may succeed.
        """
        dropped = object_of(event, record)
        kind = kind_of(dropped.key) if dropped.bucket == BATCH else Ignored(f"not in the bucket {BATCH}")
        match kind:
            case Ignored(why):
                log.info("%s is not scored: it is %s", dropped.uri, why)
                return
            case Misplaced(model, reason, problem):
                failed = _failed(event, dropped, model, FileRefused(reason, [problem]), None, 0.0)
                events = write_once(self.sessions, FUNCTION, event, lambda _: [failed], now=self.clock())
            case DataFile():
                events = handle_once(
                    self.sessions,
                    FUNCTION,
                    event,
                    read=lambda session: _read(session, kind.model),
                    work=lambda basis: self._work(event, dropped, kind, basis),
                    write=lambda session, answered: [answered],
                    now=self.clock(),
                )
        for each in events:
            self.sink.send(each)

    def _work(
        self, event: Event, dropped: DroppedObject, file: DataFile, basis: _Basis | FileRefused
    ) -> Event:
        """Score the file; return the event that says how it went."""
        if isinstance(basis, FileRefused):
            return _failed(event, dropped, file.model, basis, None, 0.0)
        begun_s, version = self.monotonic_s(), basis.champion.version
        report: Claim | None = None
        try:
            self._count_attempt(event, file.model)
            with self._scratch(event) as folder, self.store.open(dropped.uri, dropped.etag) as stream:
                loaded = load_champion(self.store, basis.champion)
                event_of = partial(_progressed, event, dropped, file.model, loaded.version)
                progress = Progress(self.sink, self.settings.progress_s, event_of, self.monotonic_s)
                scored = score_file(
                    stream, file, loaded, basis.spec, self.settings, folder, progress.announce
                )
                report = self._store_report(dropped, file.model, loaded.version, scored)
                if scored.refusal is not None:
                    raise scored.refusal
                result = self._store_result(dropped, scored)
        except FileRefused as refusal:
            seconds = self.monotonic_s() - begun_s
            return _failed(event, dropped, file.model, refusal, version, seconds, report)
        except (ObjectMissing, ObjectChanged) as error:
            log.info("superseded: %s", error)
            gone = refuse(
                "the file was replaced or removed before it was scored",
                dropped.key,
                "it is no longer in the bucket as it was announced",
                "nothing, if it was replaced: the newer file is scored by itself",
            )
            return _failed(event, dropped, file.model, gone, version, self.monotonic_s() - begun_s)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise RetryLater("the scratch disk is full", after_s=30) from error
            raise
        payload = BatchCompleted(
            model=file.model,
            version=loaded.version,
            key=dropped.key,
            result=result,
            rows=scored.rows,
            bad_rows=scored.bad_rows,
            report_uri=report.uri if report else None,
            warnings=bounded(scored.warnings),
            seconds=round(self.monotonic_s() - begun_s, 3),
        )
        return answer(event, BatchCompleted.type, SOURCE, file.model, payload, now=self.clock())

    def _store_result(self, dropped: DroppedObject, scored: ScoredFile) -> Claim:
        """Put the result beside the file. Raises: ObjectChanged, ObjectMissing: the file is another now."""
        found = self.store.head(dropped.uri).etag
        if dropped.etag is not None and found != dropped.etag:
            raise ObjectChanged(dropped.uri, dropped.etag, found)
        with scored.path.open("rb") as stream:
            return self.store.put(join_uri(BATCH, result_key(dropped.key, scored.format)), stream)

    def _store_report(
        self, dropped: DroppedObject, model: str, version: int, scored: ScoredFile
    ) -> Claim | None:
        if not scored.bad_rows:
            return None
        refusal = scored.refusal
        report = {
            "model": model,
            "version": version,
            "key": dropped.key,
            "etag": dropped.etag,
            "bucket": BATCH,
            "refused": None if refusal is None else refusal.reason,
            "problems": [] if refusal is None else [each.model_dump() for each in refusal.problems],
            "rows": scored.rows,
            "bad_rows": scored.bad_rows,
            "bad_cells": list(scored.summary),
        }
        return store_report(self.store, model, report, scored.bad_cells)

    def _count_attempt(self, event: Event, model: str) -> None:
        """Note that an attempt begins. Raises: FileRefused: several have begun and none has ended."""
        folder = f"s3://reports/{model}/batch/{_name_of(event)}/"
        before = sum(1 for _ in self.store.list(folder))
        if before >= self.settings.max_attempts:
            raise refuse(
                f"it was tried {before} times, and each time the job ended before it was done",
                f"model {model}",
                "out of memory, or the store went away",
                "see kascade logs score-batch; drop it again, in several files if memory was short",
            )
        begun = json.dumps({"begun": self.clock().isoformat()}).encode()
        self.store.put(f"{folder}{uuid.uuid4().hex}.json", begun)

    @contextmanager
    def _scratch(self, event: Event) -> Iterator[Path]:
        """Give an empty folder, the same for each attempt: one that was killed leaves it behind."""
        folder = self.settings.scratch_dir / f"score-batch-{_name_of(event)}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _read(session: Session, model: str) -> _Basis | FileRefused:
    """Return what a file of the model is scored by, or why none can be."""
    try:
        champion = champion_of(session, model)
    except FileRefused as refusal:
        return refusal
    spec = spec_of(session, model)
    if spec is None:
        why, fix = "it has no model.yaml", f"drop raw/{model}/model.yaml"
        return refuse(f"the model {model} cannot be used", f"model {model}", why, fix)
    return _Basis(spec, champion)


def _name_of(event: Event) -> str:
    return hashlib.sha256(f"{event.source}\x1f{event.id}".encode()).hexdigest()[:20]


def _failed(
    event: Event,
    dropped: DroppedObject,
    model: str,
    refusal: FileRefused,
    version: int | None,
    seconds: float,
    report: Claim | None = None,
) -> Event:
    log.info("%s is refused: %s", dropped.uri, refusal.reason)
    subject = clip(model, 60) or "unknown"
    payload = BatchFailed(
        model=clip(model, 60),
        version=version,
        key=dropped.key,
        reason=refusal.reason,
        problems=refusal.problems,
        report_uri=report.uri if report else None,
        rows=refusal.rows,
        bad_rows=refusal.bad_rows,
        seconds=round(seconds, 3),
    )
    return answer(event, BatchFailed.type, SOURCE, subject, payload)


def _progressed(
    event: Event, dropped: DroppedObject, model: str, version: int, rows: int, seconds: float
) -> Event:
    payload = BatchProgressed(model=model, version=version, key=dropped.key, rows=rows, seconds=seconds)
    return answer(event, BatchProgressed.type, SOURCE, model, payload)
