"""A roll_out_model over a database and a platform in memory, with a clock that the test turns."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker
from support.kserve.reach import objects_of
from support.kserve.server import Platform

from eventing import catalogue as kinds
from eventing.event import Event, originate
from eventing.testing import MemorySink, handle
from functions.ring_timers.logic import timer_due
from functions.roll_out_model.app import create_app
from functions.roll_out_model.kserve_deployer import KServeDeployer
from functions.roll_out_model.kserve_service import OWN_RUNTIME, KServeOptions
from functions.roll_out_model.memory_deployer import MemoryDeployer
from functions.roll_out_model.settings import Settings
from functions.state import specs, timers, versions
from functions.state.database import session_factory, transaction

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DEADLINE = timedelta(seconds=120)


@dataclass
class RollingOut:
    """The function, its platform, and the events that it sent."""

    app: Flask
    sessions: sessionmaker[Session]
    deployer: MemoryDeployer
    sink: MemorySink
    clock: list[datetime]
    count: int = 0
    timers: list[Event] = field(default_factory=list)

    def spec(self, **rollout: Any) -> None:
        """Register a model.yaml with this rollout."""
        text = json.dumps({"model": "churn", "target": "churned", "rollout": rollout})
        claim = kinds.Claim(uri="s3://models/churn/specs/x", sha256=hashlib.sha256(text.encode()).hexdigest())
        with transaction(self.sessions) as session:
            specs.add_spec(
                session,
                "churn",
                claim=claim,
                digest=claim.sha256,
                text=text,
                key="churn/model.yaml",
                etag=None,
                now=self.clock[0],
            )

    def decide(self, version: int, phase: str, outcome: str, *, id_: str = "") -> list[Event]:
        """Play the part of judge_rollout."""
        self.count += 1
        decided = kinds.RolloutDecided(
            model="churn",
            version=version,
            champion_version=max(version - 1, 1),
            phase=kinds.RolloutPhase(phase),
            outcome=kinds.RolloutOutcome(outcome),
            reason="evidence",
            labels=100,
            wealth_worse=1,
            wealth_better=30,
            threshold=20,
            alpha=0.05,
            margin=0.01,
            message="because",
        )
        id_ = id_ or f"decided-{self.count}"
        subject = f"churn/v{version}"
        event = originate(kinds.RolloutDecided.type, "/judge", subject, decided, id_=id_, now=self.clock[0])
        return self.deliver(event)

    def ask(self, action: str, **more: Any) -> list[Event]:
        """Play the part of a person."""
        self.count += 1
        asked = kinds.RolloutRequested(
            model="churn", action=kinds.RolloutAction(action), requested_by="ann", **more
        )
        id_ = f"asked-{self.count}"
        return self.deliver(
            originate(kinds.RolloutRequested.type, "/cli", "churn", asked, id_=id_, now=self.clock[0])
        )

    def register(self, version: int, model: str = "churn") -> None:
        """Play the part of evaluate_model: the version is in the state."""
        claim = {"uri": f"s3://models/{model}/v{version}/model.onnx", "sha256": f"{version:064x}"}
        completed = kinds.TrainingCompleted.model_validate(
            {
                "model": model,
                "version": version,
                "run_id": f"run-{version}",
                **dict.fromkeys(("candidate", "card", "holdout", "reference"), claim),
                "metrics": {"roc_auc": 0.9},
                **dict.fromkeys(("dataset_digest", "config_digest", "code_digest"), "0" * 64),
                "train_rows": 10,
                "seconds": 1.0,
            }
        )
        with transaction(self.sessions) as session:
            versions.register(session, completed, f"registered-{version}", self.clock[0])

    def approval(self, version: int, *, gate: bool = True, id_: str = "") -> Event:
        self.count += 1
        data: dict[str, Any] = {"model": "churn", "version": version, "approved_by": "gate"}
        if gate:
            claim = {"uri": "s3://models/x", "sha256": "0" * 64}
            data["verdict"] = {
                **{
                    "model": "churn",
                    "version": version,
                    "candidate": claim,
                    "metric": "roc_auc",
                    "value": 0.9,
                },
                **{"minimum": 0.5, "rows": 10, "rule": "first", "message": "fine"},
            }
        id_ = id_ or f"approval-{self.count}"
        return originate(
            kinds.ModelApproved.type, "/gate", f"churn/v{version}", data, id_=id_, now=self.clock[0]
        )

    def approve(self, version: int, *, gate: bool = True) -> list[Event]:
        self.register(version)
        return self.deliver(self.approval(version, gate=gate))

    def deliver(self, event: Event) -> list[Event]:
        """Return what the function answers, by reply or through its sink."""
        before = len(self.sink.events)
        reply = handle(self.app, event)
        return ([reply] if reply else []) + self.sink.events[before:]

    def ring(self, after: timedelta = timedelta(seconds=1)) -> list[Event]:
        """Turn the clock and ring what is due, as the broker takes it: handled or not, it has been rung."""
        self.clock[0] += after
        with transaction(self.sessions, read_only=True) as session:
            waiting = timers.due(session, self.clock[0], 10)
        events: list[Event] = []
        for timer in waiting:
            with transaction(self.sessions) as session:
                timers.mark_rung(session, timer)
            self.timers.append(timer_due(timer, self.clock[0]))
            events += self.deliver(self.timers[-1])
        return events

    def waiting(self) -> int:
        with transaction(self.sessions, read_only=True) as session:
            return len(timers.due(session, self.clock[0] + timedelta(days=1), 10))

    def facts(self) -> list[str]:
        with transaction(self.sessions, read_only=True) as session:
            found = versions.facts_of(session, "churn")
            return [f"v{row.version} {row.fact}" for row in found if row.fact != "registered"]

    def note(self, version: int, fact: versions.Fact) -> None:
        """Play the part of evaluate_model: something is decided of a version."""
        self.count += 1
        with transaction(self.sessions) as session:
            versions.record_fact(session, "churn", version, fact, f"decision-{self.count}", self.clock[0])

    def champion(self) -> int | None:
        with transaction(self.sessions, read_only=True) as session:
            return versions.champion(session, "churn")

    def serve(self, version: int) -> None:
        """Roll a version out to its end."""
        self.approve(version)
        self.deployer.make_ready("churn", version)
        self.ring()
        assert self.champion() == version


@pytest.fixture
def world(database: str, engine: Engine) -> RollingOut:
    clock, deployer, sink = [NOON], MemoryDeployer(), MemorySink()
    app = create_app(
        Settings(database, ready_deadline=DEADLINE), deployer=deployer, sink=sink, clock=lambda: clock[0]
    )
    world = RollingOut(app, session_factory(engine), deployer, sink, clock)
    world.spec(phases=[])
    return world


@pytest.fixture
def platform() -> Iterator[Platform]:
    """KServe, played, with the runtime that models are served by."""
    found = Platform()
    found.add_runtime(OWN_RUNTIME)
    with found.running():
        yield found


@pytest.fixture
def deployer(platform: Platform) -> KServeDeployer:
    return KServeDeployer(objects_of(platform), KServeOptions())


@pytest.fixture
def judged(world: Any) -> Any:
    """A world with champion v1, whose later versions are shadowed and get 10 % before they are promoted."""
    world.serve(1)
    world.spec(phases=["shadow", "canary"], canary_percent=10)
    return world


@pytest.fixture
def challenged(judged: Any) -> Any:
    """The same world with the challenger v2 in its shadow."""
    judged.approve(2)
    judged.deployer.make_ready("churn", 2)
    judged.ring()
    return judged


def summary(events: list[Any]) -> list[tuple[str, str]]:
    return [
        (each.type.removeprefix("dev.kascade."), each.data.get("phase") or each.data["outcome"])
        for each in events
    ]


def challenge(world: Any, version: int = 2) -> list[Any]:
    """Let a version be approved and become ready."""
    events = world.approve(version)
    world.deployer.make_ready("churn", version)
    return [*events, *world.ring()]


def kinds_of(events: list[Any]) -> list[str]:
    return [f"{event.type.removeprefix(kinds.PREFIX)} {event.subject}" for event in events]
