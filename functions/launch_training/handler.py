"""A training was approved, has ended, or it is time to look after one. Event in, outcome out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import TimerDue, TrainingApproved, TrainingCompleted, TrainingFailed
from eventing.clock import Clock
from eventing.errors import Rejected
from eventing.event import Event
from eventing.store import Store
from functions.launch_training.launching import Launcher, Progress, Run
from functions.launch_training.logic import BUSY, FUNCTION, Schedule
from functions.launch_training.records import begin, close, keep, open_run
from functions.state.handled import handle_once, write_once
from pipelines.engines import TrainingEngine


@dataclass(frozen=True)
class Handler:
    """Callable with (event, payload); answers with what is known of the run."""

    sessions: sessionmaker[Session]
    store: Store
    engine: TrainingEngine
    schedule: Schedule
    allow_code: bool
    clock: Clock

    def __call__(
        self, event: Event, payload: TrainingApproved | TrainingCompleted | TrainingFailed | TimerDue
    ) -> list[Event]:
        """Hand a run to the engine, look after it, or let it go."""
        now = self.clock()
        until = now + BUSY
        match payload:
            case TrainingApproved():
                return self._drive(event, lambda session: begin(session, event, payload, now, until), now)
            case TimerDue() if payload.owner == FUNCTION:
                return self._drive(event, lambda session: open_run(session, payload.key, now, until), now)
            case TrainingCompleted() | TrainingFailed():
                return self._close(event, payload, now)
        raise Rejected("this timer is another function's")

    def _drive(self, event: Event, read: Callable[[Session], Run | None], now: datetime) -> list[Event]:
        launcher = Launcher(self.store, self.engine, self.schedule, self.allow_code)

        def write(session: Session, progress: Progress | None) -> list[Event]:
            return keep(session, progress, self.schedule, now) if progress else []

        return handle_once(
            self.sessions,
            FUNCTION,
            event,
            read=read,
            work=lambda run: launcher.drive(run, now) if run else None,
            write=write,
            locking=True,
            now=now,
        )

    def _close(self, event: Event, payload: TrainingCompleted | TrainingFailed, now: datetime) -> list[Event]:
        failed = isinstance(payload, TrainingFailed)

        def write(session: Session) -> list[Event]:
            close(session, event, payload.run_id, cancel=failed, now=now)
            return []

        return write_once(self.sessions, FUNCTION, event, write, now=now)
