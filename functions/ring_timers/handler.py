"""Sends a timer.due event for every timer whose time has come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from eventing.event import Event
from eventing.sink import EventSink
from functions.ring_timers.logic import purges, timer_due
from functions.ring_timers.settings import Settings
from functions.state import handled, timers
from functions.state.database import transaction


@dataclass(frozen=True)
class Handler:
    """Callable with a tick; answers no event itself, since what it sends must be marked one by one."""

    settings: Settings
    sessions: sessionmaker[Session]
    sink: EventSink
    clock: Callable[[], datetime]

    def __call__(self, event: Event, payload: Any) -> list[Event]:
        """Ring what is due. A timer whose event could not be sent stays, and is rung by the next tick."""
        now = self.clock()
        with transaction(self.sessions, read_only=True) as session:
            waiting = timers.due(session, now, self.settings.batch)
        for timer in waiting:
            self.sink.send(timer_due(timer, now))
            with transaction(self.sessions) as session:
                timers.mark_rung(session, timer)
        if purges(now):
            with transaction(self.sessions) as session:
                handled.purge(session, now - self.settings.keep)
        return []
