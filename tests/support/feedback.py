"""join_feedback in a world, with a clock that rings its timers."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask import Flask
from sqlalchemy import func, select
from support.world import MODEL, NOON, World, logged

from eventing import catalogue as c
from eventing.catalogue import InferenceLogged
from eventing.event import Event
from eventing.testing import MemorySink, build_event, handle, object_created
from functions.join_feedback.app import Deps, create_app
from functions.join_feedback.settings import Settings
from functions.state.timers import due, mark_rung


class Feedback:
    """join_feedback in a world whose model `churn` has v1 as champion; labels mature after 100 s."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.sink = MemorySink()
        self.app: Flask = create_app(
            Settings(world.url), Deps(world.store, world.engine, self.sink, world.clock)
        )
        self.number = 0

    def label(self, value: Any, **names: Any) -> Event:
        self.number += 1
        event = build_event(
            c.FEEDBACK_RECEIVED, {"model": MODEL, "label": value, **names}, id_=f"label-{self.number}"
        )
        handle(self.app, event)
        return event

    def file(self, name: str, data: bytes, etag: str = "e1") -> None:
        self.world.store.put(f"s3://feedback/{name}", data)
        handle(self.app, object_created(name, bucket="feedback", etag=etag))

    def ring(self, at: datetime | None = None) -> list[Event]:
        """Ring what is due, as ring_timers does; return every event that was answered."""
        self.world.now = at or self.world.now + timedelta(seconds=2)
        said: list[Event] = []
        with self.world.session() as session:
            timers = due(session, self.world.now, 10)
        for timer in timers:
            self.number += 1
            payload = {"owner": timer.owner, "key": timer.key, "due": timer.due.isoformat()}
            before = len(self.sink.events)
            reply = handle(self.app, build_event(c.TIMER_DUE, payload, id_=f"timer-{self.number}"))
            with self.world.session() as session:
                mark_rung(session, timer)
            said += [reply] if reply else self.sink.events[before:]
        return said

    def joined(self, at: datetime | None = None) -> c.FeedbackJoined:
        (event,) = [each for each in self.ring(at) if each.type == c.FEEDBACK_JOINED]
        return c.FeedbackJoined.model_validate(event.data)

    def count(self, table: Any) -> int:
        with self.world.session() as session:
            return session.scalar(select(func.count()).select_from(table)) or 0


def predict(feedback: Feedback, rows: int = 4, *, second: float = 0, **changes: Any) -> InferenceLogged:
    times = [NOON + timedelta(seconds=second, milliseconds=row) for row in range(rows)]
    batch = logged(times, seed=f"{second}", **changes)
    feedback.world.log(batch)
    return batch
