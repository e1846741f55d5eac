"""Writes one batch: its file, then its row and its answer together, then the list of a window it closed.

A crash between leaves a file that no row names, or a row whose list is missing; the redelivery writes it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session, sessionmaker

from eventing import catalogue as kinds
from eventing.catalogue import Claim, InferenceLogged
from eventing.errors import InvalidEvent
from eventing.event import Event, answer
from eventing.store import Store
from functions.inferences.log import table_of, to_parquet
from functions.log_inferences.logic import DEFAULT_WINDOW, FUNCTION, span_of, uri_of, window_uri
from functions.log_inferences.outliers import Outliers
from functions.state.database import transaction
from functions.state.handled import handle_once
from functions.state.inferences import InferenceBatch, add_batch, batches_of_window, close_window
from functions.state.rollouts import is_in_shadow
from functions.state.specs import spec_of
from functions.state.versions import get_version
from pipelines.spec import ModelSpec


@dataclass(frozen=True)
class _Written:
    """A batch whose file is written."""

    spec: ModelSpec | None
    logged: InferenceLogged
    file: Claim | None


def write_batch(
    sessions: sessionmaker[Session],
    store: Store,
    outliers: Outliers,
    event: Event,
    logged: InferenceLogged,
    now: datetime,
) -> list[Event]:
    """Write a batch to the log; return `window.closed` when it fills a window.

    A version in its shadow phase answers copies only, also where its server cannot tell: a platform that
    mirrors requests says so to nobody.

    Raises:
        InvalidEvent: its lists differ in length.
        StoreUnavailable: trying later may help.
    """

    def read(session: Session) -> tuple[ModelSpec | None, Claim | None, bool]:
        version = get_version(session, logged.model, logged.version)
        shadow = logged.shadow or is_in_shadow(session, logged.model, logged.version)
        return spec_of(session, logged.model), version.reference if version else None, shadow

    def work(read: tuple[ModelSpec | None, Claim | None, bool]) -> _Written:
        spec, reference, shadow = read
        marked = logged if shadow == logged.shadow else logged.model_copy(update={"shadow": shadow})
        first, _ = span_of(marked, logged_at)
        return _Written(spec, marked, _write_file(store, outliers, event, marked, first, spec, reference))

    def write(session: Session, written: _Written) -> list[Event]:
        spec, marked = written.spec, written.logged
        added = add_batch(session, _row(event, marked, written.file, logged_at, now))
        if not added or marked.shadow or not marked.ids:
            return []
        return _close(session, event, marked, spec.drift.window if spec else DEFAULT_WINDOW, now)

    logged_at = event.time or now
    events = handle_once(sessions, FUNCTION, event, read=read, work=work, write=write, now=now)
    for each in events:
        _write_window(sessions, store, kinds.WindowClosed.model_validate(each.data))
    return events


def _row(
    event: Event, logged: InferenceLogged, file: Claim | None, logged_at: datetime, now: datetime
) -> InferenceBatch:
    first, last = span_of(logged, logged_at)
    return InferenceBatch(
        source=event.source,
        event_id=event.id,
        model=logged.model,
        version=logged.version,
        shadow=logged.shadow,
        uri=file.uri if file else "",
        sha256=file.sha256 if file else "",
        rows=len(logged.ids),
        failures=logged.failures,
        first=first,
        last=last,
        recorded_at=now,
        window=None,
    )


def _write_file(
    store: Store,
    outliers: Outliers,
    event: Event,
    logged: InferenceLogged,
    first: datetime,
    spec: ModelSpec | None,
    reference: Claim | None,
) -> Claim | None:
    try:
        table = table_of(logged)
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidEvent(f"data: {error}") from error
    if not logged.ids:
        return None
    if spec is not None and spec.outliers.detector is not None and reference is not None:
        table = outliers.mark(table, store, reference, spec)
    return store.put(uri_of(logged, first, (event.source, event.id)), to_parquet(table))


def _close(session: Session, event: Event, logged: InferenceLogged, size: int, now: datetime) -> list[Event]:
    batches = close_window(session, logged.model, logged.version, size)
    if not batches or batches[0].window is None:
        return []
    window = batches[0].window
    closed = kinds.WindowClosed(
        model=logged.model,
        version=logged.version,
        window=window,
        rows=sum(batch.rows for batch in batches),
        data=Claim.of(window_uri(logged.model, logged.version, window), _listed(batches)),
        first=min(batch.first for batch in batches),
        last=max(batch.last for batch in batches),
    )
    subject = f"{logged.model}/v{logged.version}"
    return [answer(event, kinds.WindowClosed.type, kinds.source_of(FUNCTION), subject, closed, now=now)]


def _write_window(sessions: sessionmaker[Session], store: Store, closed: kinds.WindowClosed) -> None:
    """Write the list of a closed window's files, at each delivery: the one before may have died here."""
    with transaction(sessions, read_only=True) as session:
        batches = batches_of_window(session, closed.model, closed.version, closed.window)
    store.put(closed.data.uri, _listed(batches))


def _listed(batches: Sequence[InferenceBatch]) -> bytes:
    return json.dumps([batch.claim.model_dump() for batch in batches]).encode()
