"""What the timers of join_feedback do: join what waits, and give labelled rows back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session, sessionmaker

from eventing.event import Event
from eventing.store import Store
from functions.join_feedback import release as giving
from functions.join_feedback.coverage import matured_between, newest_prediction
from functions.join_feedback.join import Joined, join, read_scene, record, told
from functions.join_feedback.logic import FUNCTION, SOON, join_key, next_look, release_key
from functions.join_feedback.watch import watch
from functions.state import timers
from functions.state.handled import handle_once
from functions.state.labels import FeedbackRow, lock_feedback


@dataclass(frozen=True)
class Work:
    """The clients of one process, and how many labels are joined in one go."""

    sessions: sessionmaker[Session]
    store: Store
    clock: Callable[[], datetime]
    max_labels: int

    def join(self, event: Event, model: str, due: datetime) -> list[Event]:
        """Join what waits; look for harm; come again while something may still mature."""
        return handle_once(
            self.sessions,
            FUNCTION,
            event,
            read=lambda session: read_scene(session, model, self.clock, self.max_labels),
            work=lambda scene: join(self.sessions, self.store, scene, event, due),
            write=lambda session, joined: self._record(session, joined, event),
            locking=True,
            now=self.clock(),
        )

    def _record(self, session: Session, joined: Joined, event: Event) -> list[Event]:
        scene = joined.scene
        now = scene.read_at
        row = lock_feedback(session, scene.model)
        before = row.joined_through
        counts = record(session, row, joined, now)
        events: list[Event] = []
        ripe_before = None if before is None else before - scene.window
        if joined.settled or matured_between(
            session, scene.model, ripe_before, joined.through - scene.window
        ):
            events.append(told(event, joined, counts, now))
        session.flush()
        events += watch(session, row, joined, event, now)
        self._come_again(session, row, joined, event, now)
        return events

    def _come_again(
        self, session: Session, row: FeedbackRow, joined: Joined, event: Event, now: datetime
    ) -> None:
        scene = joined.scene
        newest = newest_prediction(session, scene.model)
        if scene.left is not None or len(joined.settled) < len(scene.labels):
            timers.ring_by(session, FUNCTION, join_key(scene.model), now + SOON, now=now, cause=event)
        elif newest is not None and newest + scene.window > joined.through:
            after = next_look(scene.window)
            timers.ring_by(session, FUNCTION, join_key(scene.model), now + after, now=now, cause=event)
        if giving.due(session, row):
            timers.ring_by(session, FUNCTION, release_key(scene.model), now, now=now, cause=event)

    def release(self, event: Event, model: str) -> list[Event]:
        """Give labelled rows back, if enough have gathered."""

        def work(release: giving.Release | None) -> giving.Release | None:
            if release is not None:
                giving.write(self.store, release)
            return release

        def write(session: Session, release: giving.Release | None) -> list[Event]:
            if release is not None:
                giving.end(lock_feedback(session, model), release, self.clock())
            return []

        return handle_once(
            self.sessions,
            FUNCTION,
            event,
            read=lambda session: giving.begin(session, lock_feedback(session, model), self.clock()),
            work=work,
            write=write,
            locking=True,
            now=self.clock(),
        )
