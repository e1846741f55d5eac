"""Writes one batch: first its file, then its row and its answer together.

A crash between the two leaves a file that no row names; the redelivery writes the same file again.
"""

from __future__ import annotations

import json
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
from functions.state.handled import once, remembered
from functions.state.inferences import InferenceBatch, add_batch, close_window
from functions.state.specs import spec_of
from functions.state.versions import get_version
from pipelines.spec import ModelSpec


def write_batch(
    sessions: sessionmaker[Session],
    store: Store,
    outliers: Outliers,
    event: Event,
    logged: InferenceLogged,
    now: datetime,
) -> list[Event]:
    """Write a batch to the log; return `window.closed` when it fills a window.

    Raises:
        InvalidEvent: its lists differ in length.
        StoreUnavailable: trying later may help.
    """
    with transaction(sessions, read_only=True) as session:
        if (known := remembered(session, FUNCTION, event)) is not None:
            return known
        spec = spec_of(session, logged.model)
        version = get_version(session, logged.model, logged.version)
        reference = version.reference if version else None
    first, last = span_of(logged, event.time or now)
    file = _write_file(store, outliers, event, logged, first, spec, reference)
    row = InferenceBatch(
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
    size = spec.drift.window if spec else DEFAULT_WINDOW
    with transaction(sessions) as session:

        def work() -> list[Event]:
            added = add_batch(session, row)
            if not added or logged.shadow or not logged.ids:
                return []
            return _close(session, store, event, logged, size, now)

        return once(session, FUNCTION, event, work, now=now)


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


def _close(
    session: Session, store: Store, event: Event, logged: InferenceLogged, size: int, now: datetime
) -> list[Event]:
    batches = close_window(session, logged.model, logged.version, size)
    if not batches or batches[0].window is None:
        return []
    window = batches[0].window
    listed = json.dumps([batch.claim.model_dump() for batch in batches]).encode()
    # A small file within the transaction: who hears of the window must find it, and a crash undoes both.
    data = store.put(window_uri(logged.model, logged.version, window), listed)
    closed = kinds.WindowClosed(
        model=logged.model,
        version=logged.version,
        window=window,
        rows=sum(batch.rows for batch in batches),
        data=data,
        first=min(batch.first for batch in batches),
        last=max(batch.last for batch in batches),
    )
    subject = f"{logged.model}/v{logged.version}"
    return [answer(event, kinds.WINDOW_CLOSED, kinds.source_of(FUNCTION), subject, closed, now=now)]
