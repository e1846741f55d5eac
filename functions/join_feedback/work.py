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
from functions.state.database import transaction
from functions.state.handled import once, remembered
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
        with transaction(self.sessions) as session:
            if (known := remembered(session, FUNCTION, event)) is not None:
                return known
            scene = read_scene(session, model, self.clock, self.max_labels)
        now = scene.read_at
        with transaction(self.sessions, read_only=True) as session:
            joined = join(session, self.store, scene, event, due)
        with transaction(self.sessions) as session:
            return once(session, FUNCTION, event, lambda: self._record(session, joined, event, now), now=now)

    def _record(self, session: Session, joined: Joined, event: Event, now: datetime) -> list[Event]:
        scene = joined.scene
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
        with transaction(self.sessions) as session:
            if (known := remembered(session, FUNCTION, event)) is not None:
                return known
            release = giving.begin(session, lock_feedback(session, model), self.clock())
        if release is None:
            return []
        giving.write(self.store, release)
        now = self.clock()
        with transaction(self.sessions) as session:

            def work() -> list[Event]:
                giving.end(lock_feedback(session, model), release, now)
                return []

            return once(session, FUNCTION, event, work, now=now)
