"""What the bench of streams decides is what the running functions decide on the same rows and labels."""

from __future__ import annotations

import warnings
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from support.world import MODEL, NOON, World, logged

from benchmarks.streams.clock import DELAY, TICK
from benchmarks.streams.generating import FAMILIES, FIRST, Stream, load
from benchmarks.streams.learning import Learner
from benchmarks.streams.loop import Loop
from benchmarks.streams.policies import Way, spec
from eventing import catalogue as c
from eventing.event import Event
from eventing.testing import MemorySink, build_event, handle, object_created
from functions.govern_training import app as govern_training
from functions.govern_training.settings import Settings as GovernorSettings
from functions.ingest_data import app as ingest_data
from functions.ingest_data.settings import Settings as IngestSettings
from functions.release_labels import app as release_labels
from functions.ring_timers.logic import timer_due
from functions.state.labels import JoinedLabel
from functions.state.settings import Settings as StateSettings
from functions.state.timers import due, mark_rung
from functions.watch_performance import app as watch_performance

pytestmark = pytest.mark.slow

CLASSES = ("no", "yes")


class Running:
    """The functions from a label to an approved training, in a world whose seconds are rows."""

    def __init__(self, url: str, stream: Stream, loop: Loop, way: Way) -> None:
        self.world = World(url)
        self.stream, self.losses = stream, loop.versions[0].fitted.losses
        world, state = self.world, StateSettings(url)
        parts = {"store": world.store, "engine": world.engine, "clock": world.clock}
        self.watch = watch_performance.create_app(state, **parts)
        self.release = release_labels.create_app(state, **parts)
        self.ingest = ingest_data.create_app(IngestSettings(url), **parts, sink=MemorySink())
        self.said = MemorySink()
        settings = GovernorSettings(url, code_digest="0" * 64)
        self.govern = govern_training.create_app(settings, sink=self.said, clock=world.clock)
        world.spec(**way.spec.model_dump(mode="json", include={"train", "labels", "retrain", "rollout"}))
        first = loop.versions[0]
        held = first.judged.losses[first.held]
        loss = {"rows": len(held), "mean": held.mean(), "variance": held.var(), "scale": 1.0}
        world.version(1, loss=loss, promoted=True)
        self.decisions: list[tuple[int, str]] = []
        self.released: set[str] = set()
        self.asked: list[tuple[datetime, str]] = []
        self.labelled = FIRST
        rows = "".join(f"{row},{CLASSES[stream.target[row]]}\n" for row in range(FIRST))
        self.take("first.csv", ("amount,churned\n" + rows).encode())

    def take(self, name: str, data: bytes | None = None) -> Event:
        uri = f"s3://raw/{MODEL}/{name}"
        if data is not None:
            self.world.store.put(uri, data)
        etag = self.world.store.head(uri).etag
        dropped = object_created(f"{MODEL}/{name}", etag=etag, time=self.world.now)
        event = handle(self.ingest, dropped)
        assert event is not None
        assert event.type == c.DatasetIngested.type, event.data
        return event

    def predict(self, row: int) -> None:
        times = [NOON + timedelta(seconds=each) for each in range(row, row + TICK)]
        batch = logged(times, seed=f"{row}", labels=["no"] * TICK)
        self.world.log(batch)
        self.asked += list(zip(times, batch.ids, strict=True))

    def join(self, row: int) -> None:
        """Join the labels that are known by a row, as join_feedback does."""
        with self.world.session() as session:
            while self.labelled < row - DELAY:
                made, identity = self.asked[self.labelled - FIRST]
                label = CLASSES[self.stream.target[self.labelled]]
                joined = JoinedLabel(model=MODEL, prediction_id=identity, at=made, value=label, version=1)
                joined.label_id, joined.loss = f"l{identity}", float(self.losses[self.labelled])
                joined.received_at = made + timedelta(seconds=DELAY)
                session.add(joined)
                self.labelled += 1

    def tick(self, row: int) -> bool:
        """Tell the functions which labels are joined by now; say whether a training was approved."""
        self.world.now = NOON + timedelta(seconds=row)
        self.join(row)
        joined = c.FeedbackJoined(model=MODEL, joined=TICK, through=self.world.now)
        event = build_event(c.FeedbackJoined.type, joined, id_=f"joined-{row}", time=self.world.now)
        alarm = handle(self.watch, event)
        if alarm is not None:
            self.decisions.append((row, "harm"))
            self.ask(alarm)
        for each in filter(None, [alarm, event]):
            handle(self.release, each)
        for item in self.world.store.list(f"s3://raw/{MODEL}/labelled/"):
            if item.key not in self.released:
                self.released.add(item.key)
                event = self.take(item.key.removeprefix(f"{MODEL}/"))
                self.decisions.append((row, f"{(event.data or {})['rows']} rows released"))
                self.ask(event)
        with self.world.session() as session:
            timers = due(session, self.world.now, 10)
        for timer in timers:
            with self.world.session() as session:
                mark_rung(session, timer)
            if timer.owner == "govern_training":
                self.ask(timer_due(timer, now=self.world.now))
        return self.decisions[-1:] != [] and "training" in self.decisions[-1][1]

    def ask(self, event: Event) -> None:
        reply = handle(self.govern, event)
        for said in [*([reply] if reply else []), *self.said.events]:
            if said.type == c.TrainingApproved.type:
                row = int((self.world.now - NOON).total_seconds())
                self.decisions.append((row, f"training ({(said.data or {})['reason']})"))
        self.said.events.clear()


@pytest.mark.parametrize(
    ("settings", "last"),
    [
        ({}, "training (dataset)"),
        ({"release": 5_000, "rows": 5_000, "harm": 120}, "training (performance)"),
    ],
)
@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_the_bench_decides_what_the_running_functions_decide(
    database: str, settings: dict[str, Any], last: str
) -> None:
    way = Way("now", spec(**settings))
    made = load(FAMILIES["mixed, recurring"], 0)
    family = replace(made.family, estimator="logistic_regression")  # the cheapest: it is not the point here
    stream = replace(made, family=family, inputs=made.inputs[:5_000], target=made.target[:5_000])
    loop = Loop(stream, Learner(stream), way)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        running = Running(database, stream, loop, way)
        expected = []
        for decision in loop.run().decisions:
            what = decision.what.partition(",")[0]
            expected.append((decision.row, what))
            if what.startswith("training"):
                break
        for row in range(FIRST, len(stream.target), TICK):
            running.predict(row)
            if running.tick(row + TICK):
                break
    assert running.decisions == expected
    assert expected[-1][1] == last
    assert np.isfinite(running.losses).all()
    running.world.engine.dispose()
