"""Writes every event into the ledger, once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from eventing.clock import Clock
from eventing.event import Event
from functions.record_events.logic import MAX_LEDGER_BYTES, fit_for_ledger
from functions.record_events.notifier import Notifier
from functions.state.database import transaction
from functions.state.ledger import append


@dataclass(frozen=True)
class Handler:
    """Callable with any event; answers none."""

    sessions: sessionmaker[Session]
    notifier: Notifier
    clock: Clock

    def __call__(self, event: Event, payload: Any) -> list[Event]:
        """Record the event and wake the requests that follow the ledger."""
        with transaction(self.sessions) as session:
            append(session, fit_for_ledger(event, MAX_LEDGER_BYTES), self.clock())
        self.notifier.notify()
        return []
