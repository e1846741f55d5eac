"""A version that is approved during a rollout waits for its end."""

from __future__ import annotations

from typing import Any

import pytest

from eventing.testing import HandlingFailed
from functions.state.versions import Fact

from .conftest import kinds_of


def test_a_newer_approval_waits_for_the_rollout_under_way_and_then_begins(world: Any) -> None:
    world.serve(1)
    world.approve(2)
    assert world.approve(3) == []
    assert 3 not in world.deployer.observe("churn").versions

    world.deployer.make_ready("churn", 2)
    assert kinds_of(world.ring()) == ["rollout.completed churn/v2"]
    (started,) = world.ring()
    world.deployer.make_ready("churn", 3)
    world.ring()

    assert kinds_of([started]) == ["rollout.started churn/v3"]
    assert started.data["champion_version"] == 2
    assert started.correlation_id == "approval-3"
    assert world.champion() == 3


def test_the_version_that_waits_begins_also_after_a_rollback(world: Any) -> None:
    world.serve(1)
    world.approve(2)
    world.approve(3)
    world.deployer.make_failed("churn", 2, "ExitCode4: boom")
    world.ring()
    world.ring()
    world.deployer.make_ready("churn", 3)
    world.ring()

    assert world.champion() == 3
    assert world.deployer.observe("churn").serving == {3: 100}


def test_of_several_that_wait_the_newest_stays_and_the_others_end_as_inconclusive(world: Any) -> None:
    world.approve(1)
    world.approve(2)

    (completed,) = world.approve(3)

    assert kinds_of([completed]) == ["rollout.completed churn/v2"]
    assert completed.data["outcome"] == "inconclusive"
    assert completed.data["message"] == "v2 is not rolled out: v3 came before its turn"
    assert world.facts() == ["v2 inconclusive"]


def test_the_gates_approval_of_an_older_version_comes_too_late(world: Any) -> None:
    world.register(1)
    world.serve(2)

    (completed,) = world.deliver(world.approval(1))

    assert completed.data["outcome"] == "inconclusive"
    assert world.deployer.observe("churn").latest == 2


def test_a_version_that_a_person_rejects_before_its_rollout_begins_is_not_rolled_out(world: Any) -> None:
    world.register(1)
    approved = world.approval(1)
    world.note(1, Fact.APPROVED)
    world.note(1, Fact.REJECTED)

    (completed,) = world.deliver(approved)

    assert completed.data["outcome"] == "inconclusive"
    assert (
        completed.data["message"] == "v1 is not rolled out: a person rejected it before its rollout had begun"
    )
    assert world.champion() is None

    world.note(1, Fact.APPROVED)
    world.deliver(world.approval(1, gate=False))
    world.deployer.make_ready("churn", 1)
    world.ring()
    assert world.champion() == 1


def test_a_person_can_go_back_to_an_older_version(world: Any) -> None:
    world.serve(1)
    world.serve(2)

    started, completed = world.deliver(world.approval(1, gate=False))

    assert started.data["champion_version"] == 2
    assert completed.data["outcome"] == "promoted"
    assert world.champion() == 1
    assert world.deployer.observe("churn").serving == {1: 100}


def test_a_version_that_was_never_registered_is_refused(world: Any) -> None:
    with pytest.raises(HandlingFailed, match="churn/v9 is not registered") as caught:
        world.deliver(world.approval(9, gate=False))

    assert caught.value.status == 422
    assert world.deployer.calls == []
