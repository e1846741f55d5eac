"""A model that KServe or Seldon serves, from its logger's events to a drift alarm and, by labels, a verdict.

No server of ours answers anything here: each function gets what the one before has said, as by its Trigger.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from flask import Flask
from support.feedback import Feedback
from support.world import MODEL, World

from eventing import catalogue as c
from eventing.event import Event
from eventing.testing import MemorySink, build_event, handle
from functions.detect_drift import app as detect_drift
from functions.judge_rollout import app as judge_rollout
from functions.state.settings import Settings
from pipelines.prediction_ids import uuid7

from .test_other_servers import joined, kserve, seldon

FEATURES = (("amount", "number"),)
WINDOW, ROWS = 200, 25


class Watched:
    """The functions that watch v6, which is champion, and v7, which challenges it."""

    def __init__(self, world: World, app: Flask, logger: Callable[..., tuple[Event, Event]]) -> None:
        world.spec(
            drift={"detector": "scipy_tabular", "window": WINDOW},
            labels={"window": "100s", "train": False},
            rollout={"margin": 0.02, "min_labels": 50, "deadline": "1000s", "canary_percent": 50},
        )
        self.rng = np.random.default_rng(0)
        reference = pa.table({"amount": self.rng.normal(size=3000)})
        for version in (6, 7):
            world.version(version, features=FEATURES, reference=reference, promoted=version == 6)
        settings, given = Settings(world.url), {"store": world.store, "engine": world.engine}
        self.world, self.log, self.logger = world, app, logger
        self.sink, self.requests = MemorySink(), 0
        self.said: list[Event] = []
        self.drift = detect_drift.create_app(settings, sink=self.sink, clock=world.clock, **given)
        self.judge = judge_rollout.create_app(settings, clock=world.clock, **given)
        self.feedback = Feedback(world)

    def serve(self, version: int, amounts: Sequence[float], answers: Sequence[str]) -> list[str]:
        """Let a request be logged, under an id of the client's; return the ids of its rows."""
        self.requests += 1
        id_ = uuid7(self.world.now, str(self.requests))
        asked = {"inputs": [{"name": "x", "shape": [len(amounts), 1], "datatype": "FP64", "data": amounts}]}
        answered = {"outputs": [{"name": "predict", "shape": [len(answers)], "data": answers}]}
        named = {"puid" if self.logger is seldon else "id_": id_, "endpoint": f"v{version}"}
        batch = joined(self.log, *self.logger(asked, answered, **named))
        assert (batch.version, batch.ids[0]) == (version, id_)
        closed = handle(self.log, build_event(c.InferenceLogged.type, batch, id_=f"batch-{self.requests}"))
        if closed is not None:
            reply = handle(self.drift, closed)
            self.said += [reply] if reply is not None else self.sink.events
            self.sink.events.clear()
        return batch.ids

    def window(self, shift: float) -> list[str]:
        """Let a window of the champion be served; return which kinds of event are said of it."""
        self.said.clear()
        self.serve(6, (self.rng.normal(size=WINDOW) + shift).tolist(), ["no"] * WINDOW)
        return [each.type for each in self.said]

    def canary(self, requests: int, wrong: float) -> Event | None:
        """Let both answer as many requests of 25 rows, v7 a share of them wrongly; return the verdict."""
        fields: dict[str, Any] = {"model": MODEL, "version": 7, "champion_version": 6, "revision": "churn-v7"}
        started = c.RolloutStarted(**fields, phase=c.RolloutPhase.CANARY, percent=50)
        handle(self.judge, build_event(c.RolloutStarted.type, started, time=self.world.now))
        said: list[Event] = []
        for second in (1, 150):  # what came first has matured by the time of the second
            self.world.now = self.world.after(second)
            lines = ["prediction_id,label"]
            for _ in range(requests):
                for version, share in ((6, 0.0), (7, wrong)):
                    answers = ["yes" if each < share else "no" for each in self.rng.random(ROWS)]
                    ids = self.serve(version, self.rng.normal(size=ROWS).tolist(), answers)
                    lines += [f"{each},no" for each in ids]
            self.feedback.file(f"{MODEL}/{second}.csv", "\n".join(lines).encode())
            for event in self.feedback.ring(self.world.after(second + 5)):
                if event.type == c.FeedbackJoined.type and (verdict := handle(self.judge, event)):
                    said.append(verdict)
        return said[0] if said else None


@pytest.fixture(params=[kserve, seldon], ids=["KServe", "Seldon"])
def watched(request: pytest.FixtureRequest, world: World, app: Flask) -> Watched:
    return Watched(world, app, request.param)


def test_its_windows_are_held_against_the_reference_and_drift_is_told(watched: Watched) -> None:
    assert watched.window(0.0) == [c.DriftChecked.type]
    assert watched.window(3.0) == [c.DriftChecked.type, c.DriftDetected.type]


def test_a_worse_version_beside_it_is_judged_by_labels_of_requests(watched: Watched) -> None:
    event = watched.canary(4, 0.6)

    assert event is not None
    verdict = c.RolloutDecided.model_validate(event.data)
    assert (verdict.version, verdict.outcome, verdict.reason) == (7, "rolled_back", "evidence")
    assert verdict.coverage_champion == verdict.coverage_challenger == 1.0
