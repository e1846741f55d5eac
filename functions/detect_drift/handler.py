"""A window closed, or a dataset grew: compare it with the champion's reference. Event in, outcome out."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import DatasetIngested, WindowClosed
from eventing.clock import Clock
from eventing.event import Event
from eventing.store import Store
from functions.detect_drift.drift_check import DriftCheck, read_champion
from functions.detect_drift.events import FUNCTION
from functions.state.handled import handle_once


@dataclass(frozen=True)
class Handler:
    """Callable with (event, payload); returns the events that answer it."""

    sessions: sessionmaker[Session]
    store: Store
    clock: Clock

    def __call__(self, event: Event, payload: WindowClosed | DatasetIngested) -> list[Event]:
        """Check new data once; a redelivery gets the answer of the first time."""
        now = self.clock()
        check = DriftCheck(self.sessions, self.store, event, now)
        return handle_once(
            self.sessions,
            FUNCTION,
            event,
            read=lambda session: read_champion(session, payload.model),
            work=lambda champion: check.run(champion, payload) if champion else None,
            write=lambda session, result: check.record(session, result) if result else [],
            now=now,
        )
