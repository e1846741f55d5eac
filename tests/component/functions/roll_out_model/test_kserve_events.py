"""Rollouts on KServe, played, from event to event."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from support.kserve.rollouts import DEADLINE_S, splits, wait
from support.kserve.server import Platform
from support.kserve.webhooks import Refusal

from eventing import catalogue as kinds
from eventing.event import Event, originate
from eventing.testing import MemorySink
from functions.roll_out_model.app import create_app
from functions.roll_out_model.kserve_deployer import KServeDeployer
from functions.roll_out_model.settings import Settings
from functions.state.database import session_factory

from .conftest import DEADLINE, NOON, RollingOut


@pytest.fixture
def world(database: str, engine: Engine, deployer: KServeDeployer) -> RollingOut:
    clock, sink = [NOON], MemorySink()
    settings = Settings(database, ready_deadline=DEADLINE)
    app = create_app(settings, deployer=deployer, sink=sink, clock=lambda: clock[0])
    world = RollingOut(app, session_factory(engine), deployer, sink, clock)  # type: ignore[arg-type]
    world.spec(phases=["shadow", "canary"], canary_percent=10)
    return world


def until(world: RollingOut, said: type[Any], *events: Event) -> Event:
    """Return the first event of a kind among these, or else of those that come as the timers ring."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        for event in events:
            if event.type == said.type:
                return event
        assert time.monotonic() < deadline, f"{said.type} was not said"
        time.sleep(0.03)
        events = tuple(world.ring(timedelta(seconds=0.6)))


def test_a_challenger_is_shadowed_given_a_tenth_and_taken_back_when_it_loses(
    world: RollingOut, platform: Platform
) -> None:
    assert until(world, kinds.RolloutCompleted, *world.approve(1)).data["outcome"] == "promoted"
    assert until(world, kinds.RolloutStarted, *world.approve(2)).data["phase"] == "shadow"
    assert ("triggers", "shadow-churn") in platform.objects
    assert until(world, kinds.RolloutAdvanced, *world.decide(2, "shadow", "promoted")).data["percent"] == 10
    assert platform.serving("churn") == {1: 90, 2: 10}

    completed = until(world, kinds.RolloutCompleted, *world.decide(2, "canary", "rolled_back"))

    assert (completed.data["outcome"], completed.data["champion_version"]) == ("rolled_back", 1)
    assert splits(platform) == [{1: 100}, {1: 90, 2: 10}, {1: 100}]
    assert world.facts() == ["v1 deployed", "v1 promoted", "v2 rolled_back"]


def test_a_shadow_that_the_api_refuses_is_taken_back_and_ends_in_its_words(
    world: RollingOut, platform: Platform
) -> None:
    """That takes more than one look: the version before is deployed anew first."""
    until(world, kinds.RolloutCompleted, *world.approve(1))

    def refuse(method: str, _: str) -> None:
        if method == "POST":
            raise Refusal(422, "Invalid", "the Trigger is invalid: by a test")

    platform.fault = refuse
    completed = until(world, kinds.RolloutCompleted, *world.approve(2))

    assert completed.data["outcome"] == "rolled_back"
    assert "churn-v2 was refused: the API answered 422" in completed.data["message"]
    assert "by a test" in completed.data["message"]
    assert splits(platform) == [{1: 100}]


def test_a_model_that_served_elsewhere_is_deployed_when_it_is_looked_at(
    world: RollingOut, platform: Platform, deployer: KServeDeployer
) -> None:
    """As after a change of the platform: the facts name a champion, and KServe knows of none."""
    until(world, kinds.RolloutCompleted, *world.approve(1))
    deployer.delete("churn")

    due = kinds.TimerDue(owner="roll_out_model", key="churn", due=NOON)
    world.deliver(originate(due.type, "/kascade/cli", "roll_out_model/churn", due, id_="by-hand", now=NOON))

    wait(lambda: "churn" in platform.controller.deployments and platform.serving("churn") == {1: 100})
