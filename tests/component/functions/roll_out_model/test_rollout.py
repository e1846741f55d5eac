"""Tests of rollouts from approval to completion, over a real database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from eventing import catalogue as kinds
from eventing.event import CAUSATION, originate
from eventing.testing import HandlingFailed
from functions.roll_out_model import handler
from functions.roll_out_model.deployer import Traffic

from .conftest import kinds_of


def test_the_first_version_is_created_then_promoted_when_it_is_ready(world: Any) -> None:
    started = world.approve(1)
    assert kinds_of(started) == ["rollout.started churn/v1"]
    assert started[0].data == {
        "model": "churn",
        "version": 1,
        "phase": "replace",
        "revision": "churn-v1",
        "percent": 0,
        "phases": [],
        "reason": "there is no champion",
    }
    assert world.ring() == []

    world.deployer.make_ready("churn", 1)
    (completed,) = world.ring()

    assert completed.type == kinds.RolloutCompleted.type
    assert completed.data["outcome"] == "promoted"
    assert completed.data["champion_version"] == 1
    assert completed.data["url"] == "http://churn.kascade.localhost"
    assert world.facts() == ["v1 deployed", "v1 promoted"]
    assert world.deployer.observe("churn").requested == Traffic(1)
    assert world.waiting() == 0


def test_a_later_version_takes_over_only_once_it_is_ready(world: Any) -> None:
    world.serve(1)

    (started,) = world.approve(2)
    assert started.data["champion_version"] == 1
    assert world.deployer.observe("churn").serving == {1: 100}

    world.deployer.make_ready("churn", 2)
    assert kinds_of(world.ring()) == ["rollout.completed churn/v2"]
    assert world.deployer.observe("churn").serving == {2: 100}
    assert world.champion() == 2


def test_a_revision_that_fails_is_rolled_back_with_its_reason_and_the_champion_serves_on(world: Any) -> None:
    world.serve(1)
    world.approve(2)
    world.deployer.make_failed("churn", 2, "ExitCode4: it is not the approved model")

    (completed,) = world.ring()

    assert completed.data["outcome"] == "rolled_back"
    assert completed.data["champion_version"] == 1
    assert completed.data["message"] == (
        "churn-v2 did not become ready: ExitCode4: it is not the approved model; churn-v1 keeps the traffic"
    )
    seen = world.deployer.observe("churn")
    assert (seen.latest, seen.serving, list(seen.versions)) == (
        1,
        {1: 100},
        [1],
    )
    assert world.facts()[-1] == "v2 rolled_back"
    assert world.champion() == 1
    assert world.waiting() == 0


def test_a_first_version_that_fails_leaves_no_service_behind(world: Any) -> None:
    world.approve(1)
    world.deployer.make_failed("churn", 1, "ExitCode4: boom")

    (completed,) = world.ring()

    assert completed.data["outcome"] == "rolled_back"
    assert "url" not in completed.data
    assert world.deployer.observe("churn").latest is None
    assert world.champion() is None


def test_a_revision_that_is_never_ready_is_rolled_back_at_the_deadline(world: Any) -> None:
    world.serve(1)
    world.approve(2)
    assert world.ring(timedelta(seconds=119)) == []

    (completed,) = world.ring(timedelta(seconds=1))

    assert completed.data["outcome"] == "rolled_back"
    assert "in time: Deploying: its process starts" in completed.data["message"]


def test_after_a_rollback_the_next_version_is_rolled_out(world: Any) -> None:
    world.serve(1)
    world.approve(2)
    world.deployer.make_failed("churn", 2, "ExitCode4: boom")
    world.ring()

    world.serve(3)

    assert world.deployer.observe("churn").serving == {3: 100}


def test_the_events_of_a_rollout_are_one_chain(world: Any) -> None:
    (started,) = world.approve(1)
    world.deployer.make_ready("churn", 1)
    (completed,) = world.ring()

    assert started.correlation_id == completed.correlation_id == "approval-1"
    assert started.extensions[CAUSATION] == "approval-1"
    assert world.timers[-1].extensions[CAUSATION] == "approval-1"


def test_an_approval_delivered_twice_starts_one_rollout(world: Any) -> None:
    world.register(1)
    approval = world.approval(1)

    first = world.deliver(approval)
    calls = list(world.deployer.calls)
    again = world.deliver(approval)

    assert again == first
    assert world.deployer.calls == calls


def test_an_approval_redelivered_after_its_rollout_ended_changes_nothing(world: Any) -> None:
    world.register(1)
    approval = world.approval(1)
    world.deliver(approval)
    world.deployer.make_ready("churn", 1)
    world.ring()
    world.serve(2)
    before = world.deployer.observe("churn")

    world.deliver(approval)

    assert world.deployer.observe("churn") == before
    assert world.champion() == 2


def test_a_second_approval_of_the_version_under_way_starts_nothing_new(world: Any) -> None:
    world.approve(1)

    assert world.deliver(world.approval(1, gate=False)) == []
    world.deployer.make_ready("churn", 1)
    assert kinds_of(world.ring()) == ["rollout.completed churn/v1"]


def test_a_timer_delivered_twice_completes_once(world: Any) -> None:
    world.approve(1)
    world.deployer.make_ready("churn", 1)
    completed = world.ring()

    assert world.deliver(world.timers[-1]) == completed
    assert world.facts() == ["v1 deployed", "v1 promoted"]


@pytest.mark.parametrize("crash_at", ["deploy", "shift", "remove"])
def test_a_crash_after_the_platform_was_changed_is_made_good_by_the_redelivery(
    world: Any, monkeypatch: pytest.MonkeyPatch, crash_at: str
) -> None:
    """Given a process that dies before it commits, the broker's redelivery ends the rollout, once."""
    world.serve(1)
    world.register(2)
    crashes = 1

    def dying(*_: Any) -> Any:
        nonlocal crashes
        if crashes and world.deployer.calls[-1].startswith(crash_at):
            crashes -= 1
            raise RuntimeError("killed")
        return recorded(*_)

    recorded = handler.record
    monkeypatch.setattr(handler, "record", dying)
    approval = world.approval(2)
    deliver_until_handled(world, approval)
    events = []
    for _ in range(3):
        if 2 in world.deployer.observe("churn").versions:
            end(world.deployer, fails=crash_at == "remove")
        try:
            events += world.ring()
        except HandlingFailed:
            events += deliver_until_handled(world, world.timers[-1])

    assert crashes == 0
    assert kinds_of(events) == ["rollout.completed churn/v2"]
    assert world.facts()[2:] == (
        ["v2 rolled_back"] if crash_at == "remove" else ["v2 deployed", "v2 promoted"]
    )
    expected = 1 if crash_at == "remove" else 2
    assert world.deployer.observe("churn").serving == {expected: 100}


def end(deployer: Any, *, fails: bool) -> None:
    if fails:
        deployer.make_failed("churn", 2, "ExitCode4: boom")
    else:
        deployer.make_ready("churn", 2)


def deliver_until_handled(world: Any, event: Any) -> list[Any]:
    for _ in range(3):
        try:
            return list(world.deliver(event))
        except HandlingFailed:
            continue
    raise AssertionError("never handled")


def test_models_are_rolled_out_independently(world: Any) -> None:
    world.approve(1)
    world.register(1, model="price")
    data = {"model": "price", "version": 1, "approved_by": "ann"}
    event = originate(kinds.ModelApproved.type, "/people", "price/v1", data, id_="p", now=world.clock[0])

    assert kinds_of(world.deliver(event)) == ["rollout.started price/v1"]


def test_a_timer_without_a_rollout_does_nothing(world: Any) -> None:
    data = {"owner": "roll_out_model", "key": "churn", "due": world.clock[0].isoformat()}
    event = originate(kinds.TimerDue.type, "/test", "roll_out_model/churn", data, id_="t", now=world.clock[0])

    assert world.deliver(event) == []
    assert world.deployer.calls == []


def test_the_timer_of_another_function_is_refused(world: Any) -> None:
    world.approve(1)
    data = {"owner": "judge_rollout", "key": "churn", "due": world.clock[0].isoformat()}
    event = originate(kinds.TimerDue.type, "/test", "judge_rollout/churn", data, id_="t", now=world.clock[0])

    with pytest.raises(HandlingFailed, match="the timer is that of judge_rollout"):
        world.deliver(event)


def test_two_events_about_one_model_at_once_are_handled_one_after_the_other(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given an approval that is handled while another one is, the later to finish is asked to come again."""
    world.register(1)
    world.register(2)
    second = world.approval(2)
    deploy = world.deployer.deploy

    def interrupted(*args: Any) -> None:
        monkeypatch.setattr(world.deployer, "deploy", deploy)
        world.deliver(second)
        deploy(*args)

    monkeypatch.setattr(world.deployer, "deploy", interrupted)
    first = world.approval(1)

    with pytest.raises(HandlingFailed) as caught:
        world.deliver(first)
    assert caught.value.status == 503
    answers = world.deliver(first)
    world.ring()
    world.deployer.make_ready("churn", 2)
    world.ring()

    assert kinds_of(answers) == ["rollout.completed churn/v1"]
    assert world.champion() == 2
