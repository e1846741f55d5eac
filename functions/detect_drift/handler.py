"""A window closed, or a dataset grew: hold it against the champion's reference. Event in, outcome out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import DatasetIngested, WindowClosed
from eventing.event import Event
from eventing.store import Store
from functions.detect_drift.looking import Looking
from functions.detect_drift.telling import FUNCTION
from functions.state.database import transaction
from functions.state.handled import once, remembered


@dataclass(frozen=True)
class Handler:
    """Callable with (event, payload); returns the events that answer it."""

    sessions: sessionmaker[Session]
    store: Store
    clock: Callable[[], datetime]

    def __call__(self, event: Event, payload: WindowClosed | DatasetIngested) -> list[Event]:
        """Look at new data once; a redelivery gets the answer of the first time."""
        now = self.clock()
        with transaction(self.sessions, read_only=True) as session:
            if (known := remembered(session, FUNCTION, event)) is not None:
                return known
        looking = Looking(self.sessions, self.store, event, now)
        events = looking.at_window(payload) if isinstance(payload, WindowClosed) else looking.at_part(payload)
        with transaction(self.sessions) as session:
            return once(session, FUNCTION, event, lambda: events, now=now)
