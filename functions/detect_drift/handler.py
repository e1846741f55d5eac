"""A window closed, or a dataset or a view grew: compare it with what the champion was trained with."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import DatasetIngested, FeaturesMaterialized, WindowClosed
from eventing.clock import Clock
from eventing.event import Event
from eventing.store import Store
from functions.detect_drift.drift_check import DriftCheck, Result, read_champion
from functions.detect_drift.events import FUNCTION
from functions.detect_drift.view_check import ViewCheck, read_task
from functions.state.handled import handle_once


@dataclass(frozen=True)
class Handler:
    """Callable with (event, payload); returns the events that answer it."""

    sessions: sessionmaker[Session]
    store: Store
    clock: Clock

    def __call__(
        self, event: Event, payload: WindowClosed | DatasetIngested | FeaturesMaterialized
    ) -> list[Event]:
        """Check new data once; a redelivery gets the answer of the first time."""
        now = self.clock()
        check = DriftCheck(self.sessions, self.store, event, now)
        if isinstance(payload, FeaturesMaterialized):
            return self._check_view(ViewCheck(check), payload)
        return handle_once(
            self.sessions,
            FUNCTION,
            event,
            read=lambda session: read_champion(session, payload.model),
            work=lambda champion: check.run(champion, payload) if champion else None,
            write=lambda session, result: check.record(session, result) if result else [],
            now=now,
        )

    def _check_view(self, views: ViewCheck, payload: FeaturesMaterialized) -> list[Event]:
        check = views.check

        def record(session: Session, results: list[Result]) -> list[Event]:
            views.record(session, payload, results)
            return [event_ for each in results for event_ in check.record(session, each)]

        return handle_once(
            self.sessions,
            FUNCTION,
            check.event,
            read=lambda session: read_task(session, payload),
            work=lambda task: views.run(task, payload) if task else [],
            write=record,
            now=check.now,
        )
