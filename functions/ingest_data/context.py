"""What handling an event works with: the clients of the process, the events it answers with, its log."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import DatasetRejected, DatasetUnchanged, Unchanged, source_of
from eventing.event import Event, answer
from eventing.store import Store
from functions.data_files.object_keys import DroppedObject
from functions.data_files.refusal import FileRefused, clip
from functions.ingest_data.settings import Settings

FUNCTION = "ingest_data"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Context:
    """The clients of one process. `large_file` is held by the one large file that is read at a time."""

    store: Store
    sessions: sessionmaker[Session]
    settings: Settings
    clock: Callable[[], datetime]
    large_file: threading.Lock = field(default_factory=threading.Lock)


def respond(event: Event, type_: str, model: str, payload: BaseModel, now: datetime) -> Event:
    """Build the event that answers `event` about a model."""
    return answer(event, type_, source_of(FUNCTION), model or "unknown", payload, now=now)


def dataset_rejected(
    event: Event,
    dropped: DroppedObject,
    model: str,
    refusal: FileRefused,
    now: datetime,
    report_uri: str | None = None,
) -> Event:
    """Build the event that says a file was refused whole."""
    model = clip(model, 60)
    payload = DatasetRejected(
        model=model,
        key=dropped.key,
        reason=refusal.reason,
        problems=refusal.problems,
        report_uri=report_uri,
        rows=refusal.rows,
        bad_rows=refusal.bad_rows,
    )
    return respond(event, DatasetRejected.type, model, payload, now)


def unchanged(
    event: Event,
    dropped: DroppedObject,
    model: str,
    reason: Unchanged,
    message: str,
    now: datetime,
    *,
    fix: str = "",
) -> Event:
    """Build the event that says that an object changed nothing, and log it."""
    log(message, dropped, model=model)
    model = clip(model, 60)
    payload = DatasetUnchanged(model=model, key=dropped.key, reason=reason, message=message, fix=fix)
    return respond(event, DatasetUnchanged.type, model, payload, now)


def log(message: str, dropped: DroppedObject, **fields: Any) -> None:
    """Log what was decided where no event says it."""
    _log.info(message, extra={"fields": {"key": dropped.key, "etag": dropped.etag, **fields}})
