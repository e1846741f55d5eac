"""A governor over a database with a clock that the test turns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker
from support.replay.again import assert_decided_again

from eventing import catalogue as kinds
from eventing.event import Event, answer, originate
from functions.govern_training.handler import Handler
from functions.govern_training.records import SpecInForce
from functions.govern_training.settings import Settings
from functions.ring_timers.logic import timer_due
from functions.state import timers
from functions.state.database import make_engine, session_factory, transaction
from functions.state.runs import TrainingRun
from pipelines.spec import ModelSpec, parse_spec

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CLAIM = {"uri": "s3://datasets/x", "sha256": "0" * 64}


def digest(number: int) -> str:
    return f"{number:064x}"


@dataclass
class Governor:
    """The governor, what it said, and helpers that play the rest of the loop."""

    sessions: sessionmaker[Session]
    handler: Handler
    clock: list[datetime]
    spec: ModelSpec
    said: list[Event] = field(default_factory=list)
    count: int = 0

    @property
    def now(self) -> datetime:
        return self.clock[0]

    def send(
        self, type_: str, data: dict[str, Any], *, cause: Event | None = None, id_: str = ""
    ) -> list[Event]:
        self.count += 1
        subject = data.get("model", "churn")
        if cause is not None:
            event = answer(cause, type_, "/test", subject, data, now=self.now)
        else:
            event = originate(type_, "/test", subject, data, id_=id_ or f"e{self.count}", now=self.now)
        return self.deliver(event)

    def deliver(self, event: Event) -> list[Event]:
        answers = self.handler(event, kinds.PAYLOADS[event.type].model_validate(event.data))
        assert_decided_again(answers)
        self.said += [each for each in answers if each not in self.said]
        return answers

    def drop(self, part: int, *, rows: int = 1000, **where: Any) -> list[Event]:
        return self.send(kinds.DatasetIngested.type, ingested(part, rows), **where)

    def later(self, **passed: float) -> list[Event]:
        """Turn the clock and ring every timer that is due by then, at its time."""
        until = self.now + timedelta(**passed)
        said: list[Event] = []
        while True:
            with transaction(self.sessions, read_only=True) as session:
                waiting = timers.due(session, until, 1)
            if not waiting:
                self.clock[0] = until
                return said
            self.clock[0] = max(self.now, waiting[0].due)
            said += self.ring(waiting[0])

    def ring(self, timer: timers.Timer) -> list[Event]:
        with transaction(self.sessions) as session:
            timers.mark_rung(session, timer)
        return self.deliver(timer_due(timer, self.now))

    def complete(self, approved: Event, *, minutes: float = 1, verdict: str = "approved") -> None:
        """Play the run, the gate and the rollout of an approved training."""
        self.clock[0] += timedelta(minutes=minutes)
        self.trained(approved)
        version = {"model": "churn", "version": approved.data["version"]}
        if verdict == "rejected":
            self.send(kinds.ModelRejected.type, version | {"rejected_by": "gate"}, cause=approved)
            return
        self.send(kinds.ModelApproved.type, version | {"approved_by": "gate"}, cause=approved)
        outcome = "promoted" if verdict == "approved" else verdict
        self.send(kinds.RolloutCompleted.type, version | {"outcome": outcome, "message": ""}, cause=approved)

    def trained(self, approved: Event) -> None:
        self.send(kinds.TrainingCompleted.type, completed(approved), cause=approved)

    def first_model(self) -> Event:
        self.drop(1)
        (approved,) = self.later(minutes=1)
        self.complete(approved)
        return approved

    def ask_a_person(self, version: int) -> list[Event]:
        """Let the gate leave a version to a person."""
        verdict = {"candidate": CLAIM, "metric": "roc_auc", "value": 0.9, "rows": 40}
        why = {"rule": "not-comparable", "message": "a person decides"}
        who = {"model": "churn", "version": version}
        return self.send(kinds.ModelApprovalRequested.type, who | {"verdict": who | verdict | why})

    def reject(self, version: int) -> list[Event]:
        """Let the gate reject a version."""
        who = {"model": "churn", "version": version}
        return self.send(kinds.ModelRejected.type, who | {"rejected_by": "gate"})

    def approvals(self) -> list[Event]:
        return [event for event in self.said if event.type == kinds.TrainingApproved.type]

    def rules(self) -> list[str]:
        """The rules that deferred a training, in the order of the decisions."""
        return [event.data["rule"] for event in self.said if event.type == kinds.TrainingDeferred.type]

    def degraded(self, version: int) -> list[Event]:
        """Say that labels show harm."""
        numbers = {"statistic": 6e3, "threshold": 5e3, "baseline": 0.1, "mean_loss": 0.4, "labels": 300}
        return self.send(kinds.PerformanceDegraded.type, {"model": "churn", "version": version} | numbers)

    def drifted(self, version: int) -> list[Event]:
        """Say that the answers drifted."""
        numbers = {"window": 1, "rows": 500, "reference_rows": 1000, "tests": 1, "features": []}
        rule = {"alpha": 0.05, "alpha_spent": 0.03, "min_effect": 0.1, "correction": "holm"}
        how = {"of": "inferences", "status": "drifted", "detector": "tabular", "guarantee": "budget"}
        data = {"model": "churn", "version": version, "strong": True} | numbers | rule | how
        return self.send(kinds.DriftDetected.type, data)

    def runs(self) -> list[TrainingRun]:
        with transaction(self.sessions, read_only=True) as session:
            return list(session.scalars(select(TrainingRun).order_by(TrainingRun.version)))


def ingested(part: int, rows: int = 1000) -> dict[str, Any]:
    return {
        "model": "churn",
        "part": CLAIM,
        "profile": CLAIM,
        "dataset": {"uri": f"s3://datasets/churn/{part}", "sha256": digest(part)},
        "spec": CLAIM,
        "data_schema": CLAIM,
        "rows": rows,
        "total_rows": rows * part,
        "parts": part,
        "key": f"churn/{part}.csv",
    }


def completed(approved: Event) -> dict[str, Any]:
    data = approved.data
    return {
        **{name: data[name] for name in ("model", "version", "run_id")},
        **dict.fromkeys(("candidate", "card", "holdout", "reference"), CLAIM),
        "metrics": {"roc_auc": 0.9},
        "dataset_digest": data["dataset"]["sha256"],
        "config_digest": digest(0),
        "code_digest": digest(0),
        "train_rows": 800,
        "seconds": 60.0,
    }


def make_world(
    url: str, text: str = "", start: datetime = NOON, run_start: timedelta = timedelta(hours=4.5)
) -> Governor:
    spec = parse_spec(f"model: churn\ntarget: churned\n{text}".encode(), model="churn")
    in_force = SpecInForce(spec, kinds.Claim(**CLAIM), digest(8))
    sessions = session_factory(make_engine(url))
    clock = [start]

    def spec_of(_: Session, model: str) -> SpecInForce | None:
        return in_force if model == "churn" else None

    handler = Handler(Settings(url, run_start=run_start), sessions, spec_of, lambda: clock[0], digest(7))
    return Governor(sessions, handler, clock, spec)


@pytest.fixture
def world_of(new_database: Callable[[], str]) -> Iterator[Callable[..., Governor]]:
    made: list[Governor] = []

    def build(text: str = "", **settings: Any) -> Governor:
        world = make_world(new_database(), text, **settings)
        made.append(world)
        return world

    yield build
    for world in made:
        world.sessions.kw["bind"].dispose()


@pytest.fixture
def open_world() -> Callable[..., Governor]:
    """Open a governor over a database that exists, as another process would."""
    return make_world


@pytest.fixture
def world(world_of: Callable[..., Governor]) -> Governor:
    return world_of()
