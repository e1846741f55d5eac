"""What ingesting works with: the store, the state, the clock, and the answers it gives."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import DATASET_REJECTED, DatasetRejected, source_of
from eventing.event import Event, answer
from eventing.store import Store
from functions.ingest_data.drop import Drop
from functions.ingest_data.refusal import FileRefused, clip
from functions.ingest_data.settings import Settings

FUNCTION = "ingest_data"
LARGE = 32 << 20
End = Callable[[Session], list[Event]]
"""What ends the handling of an event, once the file has been read: writes, and returns the answers."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Workplace:
    """The clients of one process. `large` lets one large file at a time through, to bound memory."""

    store: Store
    sessions: sessionmaker[Session]
    settings: Settings
    clock: Callable[[], datetime]
    large: threading.Lock = field(default_factory=threading.Lock)


def respond(event: Event, type_: str, model: str, payload: BaseModel, now: datetime) -> Event:
    """Build the event that answers `event` about a model."""
    return answer(event, type_, source_of(FUNCTION), model or "unknown", payload, now=now)


def rejection(
    event: Event, drop: Drop, model: str, refusal: FileRefused, now: datetime, report_uri: str | None = None
) -> Event:
    """Build the event that says a file was refused whole."""
    model = clip(model, 60)
    payload = DatasetRejected(
        model=model,
        key=drop.key,
        reason=refusal.reason,
        problems=refusal.problems,
        report_uri=report_uri,
        rows=refusal.rows,
        bad_rows=refusal.bad_rows,
    )
    return respond(event, DATASET_REJECTED, model, payload, now)


def note(message: str, drop: Drop, **fields: Any) -> None:
    """Log what was decided where no event says it."""
    _log.info(message, extra={"fields": {"key": drop.key, "etag": drop.etag, **fields}})
