"""A platform that is away, refuses, or whose Service was deleted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from functions.roll_out_model.deployer import Refused

from .conftest import kinds_of

DAY = timedelta(days=1)


def test_while_the_platform_does_not_answer_the_rollout_waits_even_past_the_deadline(world: Any) -> None:
    world.deployer.unavailable = True
    assert world.approve(1) == []
    assert world.ring(DAY) == []
    world.deployer.unavailable = False

    (completed,) = world.ring()

    assert completed.data["outcome"] == "rolled_back"
    assert world.waiting() == 0


def test_a_short_outage_of_the_platform_only_delays(world: Any) -> None:
    world.deployer.unavailable = True
    world.approve(1)
    world.deployer.unavailable = False

    assert kinds_of(world.ring()) == ["rollout.started churn/v1"]
    world.deployer.make_ready("churn", 1)
    assert kinds_of(world.ring()) == ["rollout.completed churn/v1"]


def test_what_the_platform_refuses_is_rolled_back_with_its_words(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise Refused("the Service churn exists and is not a model's")

    monkeypatch.setattr(world.deployer, "deploy", refuse)

    (completed,) = world.approve(1)

    assert completed.data["outcome"] == "rolled_back"
    assert completed.data["message"] == (
        "churn-v1 was refused: the Service churn exists and is not a model's"
    )
    assert world.waiting() == 0


def test_a_service_deleted_while_it_is_rolled_out_is_made_again(world: Any) -> None:
    world.serve(1)
    world.approve(2)
    world.deployer.delete_by_hand("churn")

    world.ring()
    world.deployer.make_ready("churn", 2)
    world.ring()

    assert world.deployer.observe("churn").serving == {2: 100}
    assert world.champion() == 2


def test_a_rollback_brings_back_a_champion_whose_service_was_deleted(world: Any) -> None:
    world.serve(1)
    world.approve(2)
    world.deployer.delete_by_hand("churn")
    world.ring()
    world.deployer.make_failed("churn", 2, "ExitCode4: boom")
    world.ring()
    world.deployer.make_ready("churn", 1)

    assert world.deployer.observe("churn").serving == {1: 100}
