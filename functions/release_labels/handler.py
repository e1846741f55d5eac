"""Labels were joined, or an alarm was raised. Event in, outcome out."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import FeedbackJoined, PerformanceDegraded
from eventing.clock import Clock
from eventing.event import Event
from eventing.store import Store
from functions.release_labels import release
from functions.release_labels.logic import FUNCTION
from functions.release_labels.release import Release
from functions.state.handled import handle_once


@dataclass(frozen=True)
class Handler:
    """Callable with (event, payload); returns no events: the file it writes is announced as any other is."""

    sessions: sessionmaker[Session]
    store: Store
    clock: Clock

    def __call__(self, event: Event, payload: FeedbackJoined | PerformanceDegraded) -> list[Event]:
        """Write labelled predictions as rows to train on, if enough have gathered."""
        return handle_once(
            self.sessions,
            FUNCTION,
            event,
            read=lambda session: release.begin(session, payload.model, self.clock()),
            work=self._write_file,
            write=self._end,
            locking=True,
            now=self.clock(),
        )

    def _write_file(self, begun: Release | None) -> Release | None:
        if begun is not None:
            # Imported here: most events release nothing, and Arrow takes a third of the process's memory.
            from functions.release_labels.table import write_file

            write_file(self.store, begun)
        return begun

    def _end(self, session: Session, begun: Release | None) -> list[Event]:
        if begun is not None:
            release.end(session, begun, self.clock())
        return []
