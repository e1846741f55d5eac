"""What is done about labels, in a world, with a clock that rings join_feedback's timers."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from flask import Flask
from sqlalchemy import func, select
from support.replay.again import assert_decided_again
from support.world import MODEL, NOON, World, logged

from eventing import catalogue as c
from eventing.catalogue import InferenceLogged
from eventing.event import Event
from eventing.testing import build_event, handle, object_created
from functions.join_feedback import app as join_feedback
from functions.join_feedback.settings import Settings
from functions.release_labels import app as release_labels
from functions.state.settings import Settings as StateSettings
from functions.state.timers import due, mark_rung
from functions.watch_performance import app as watch_performance

ARRIVAL = "knativearrivaltime"


class Feedback:
    """join_feedback in a world whose model `churn` has v1 as champion; labels mature after 100 s."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.app: Flask = join_feedback.create_app(
            Settings(world.url), store=world.store, engine=world.engine, clock=world.clock
        )
        self.number = 0

    def label(
        self, value: Any, *, at: datetime | None = None, arrived: datetime | None = None, **names: Any
    ) -> Event:
        """Handle a label now that has a time (`at`) and came to the broker at another (`arrived`)."""
        self.number += 1
        event = build_event(
            c.FeedbackReceived.type,
            {"model": MODEL, "label": value, **names},
            id_=f"label-{self.number}",
            time=at or self.world.now,
        )
        if arrived is not None:
            event = replace(event, extensions={**event.extensions, ARRIVAL: arrived.isoformat()})
        handle(self.app, event)
        return event

    def file(self, name: str, data: bytes, etag: str = "e1", *, written: datetime | None = None) -> None:
        """Handle a file of labels now that was written at some time."""
        self.world.store.put(f"s3://feedback/{name}", data)
        at = written or self.world.now
        handle(self.app, object_created(name, bucket="feedback", etag=etag, time=at))

    def ring(self, at: datetime | None = None) -> list[Event]:
        """Ring what is due, as ring_timers does; return every event that was answered."""
        self.world.now = at or self.world.now + timedelta(seconds=2)
        said: list[Event] = []
        with self.world.session() as session:
            timers = [each for each in due(session, self.world.now, 10) if each.owner == "join_feedback"]
        for timer in timers:
            self.number += 1
            payload = {"owner": timer.owner, "key": timer.key, "due": timer.due.isoformat()}
            reply = handle(self.app, build_event(c.TimerDue.type, payload, id_=f"timer-{self.number}"))
            with self.world.session() as session:
                mark_rung(session, timer)
            said += [reply] if reply else []
        return said

    def joined(self, at: datetime | None = None) -> c.FeedbackJoined:
        (event,) = [each for each in self.ring(at) if each.type == c.FeedbackJoined.type]
        return c.FeedbackJoined.model_validate(event.data)

    def count(self, table: Any) -> int:
        with self.world.session() as session:
            return session.scalar(select(func.count()).select_from(table)) or 0


class FeedbackLoop(Feedback):
    """The same, beside the functions that consume what it emits."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.watch: Flask = watch_performance.create_app(
            StateSettings(world.url), store=world.store, engine=world.engine, clock=world.clock
        )
        self.release: Flask = release_labels.create_app(
            StateSettings(world.url), store=world.store, engine=world.engine, clock=world.clock
        )

    def ring(self, at: datetime | None = None) -> list[Event]:
        """Ring what is due, and deliver what comes of it, as the broker does."""
        joined = super().ring(at)
        alarms = [alarm for event in joined if (alarm := handle(self.watch, event))]
        assert_decided_again(alarms, self.world.store)
        for event in [*joined, *alarms]:
            assert handle(self.release, event) is None
        return [*joined, *alarms]


def predict(feedback: Feedback, rows: int = 4, *, second: float = 0, **changes: Any) -> InferenceLogged:
    times = [NOON + timedelta(seconds=second, milliseconds=row) for row in range(rows)]
    batch = logged(times, seed=f"{second}", **changes)
    feedback.world.log(batch)
    return batch


def play(
    feedback: Feedback, rows: int, wrong: float, *, second: float, entity: str | None = None, seed: int = 0
) -> list[Event]:
    """Let a batch be predicted and labelled, a share of it wrongly; return the events about it."""
    rng = random.Random(seed)
    entities = [entity] * rows if entity else [f"{second}-{row}" for row in range(rows)]
    batch = predict(feedback, rows, second=second, labels=["yes"] * rows, entities=entities)
    feedback.world.now = feedback.world.after(second + 1)
    lines = [f"{identity},{'no' if rng.random() < wrong else 'yes'}" for identity in batch.ids]
    text = "prediction_id,label\n" + "\n".join(lines) + "\n"
    feedback.file(f"{MODEL}/{second}.csv", text.encode(), etag=f"{second}")
    said = feedback.ring(feedback.world.after(second + 3))
    for later in range(4, 16, 2):
        said += feedback.ring(feedback.world.after(second + later))
    return said


def alarms(events: list[Event]) -> list[c.PerformanceDegraded]:
    return [
        c.PerformanceDegraded.model_validate(e.data) for e in events if e.type == c.PerformanceDegraded.type
    ]
