"""Sends a timer.due event for every timer whose time has come.

Some at a time: a broker may answer only when every function has handled the event, and one that has to start
would hold up the timers of every other model.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from eventing.clock import Clock
from eventing.event import Event
from eventing.sink import EventSink, SinkError
from functions.ring_timers.logic import purges, timer_due
from functions.ring_timers.settings import Settings
from functions.state import handled, timers
from functions.state.database import transaction
from functions.state.timers import Timer

PARALLEL = 8


@dataclass(frozen=True)
class Handler:
    """Callable with a tick; answers no event itself, since what it sends must be marked one by one."""

    settings: Settings
    sessions: sessionmaker[Session]
    sink: EventSink
    clock: Clock

    def __call__(self, event: Event, payload: Any) -> list[Event]:
        """Ring what is due. A timer whose event could not be sent stays, and is rung by the next tick."""
        now = self.clock()
        with transaction(self.sessions, read_only=True) as session:
            waiting = timers.due(session, now, self.settings.batch)
        self._ring(waiting, now)
        if purges(now):
            with transaction(self.sessions) as session:
                handled.purge(session, now - self.settings.keep)
        return []

    def _ring(self, waiting: Sequence[Timer], now: datetime) -> None:
        """Send some events at a time. After the first that the sink does not take, no more are begun."""
        failed = threading.Event()

        def ring(timer: Timer) -> None:
            if failed.is_set():
                return
            try:
                self.sink.send(timer_due(timer, now))
            except SinkError:
                failed.set()
                raise
            with transaction(self.sessions) as session:
                timers.mark_rung(session, timer)

        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="ring") as pool:
            list(pool.map(ring, waiting))
