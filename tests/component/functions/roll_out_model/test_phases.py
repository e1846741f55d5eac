"""A challenger goes through shadow and canary, as the judge and people decide."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from eventing.testing import HandlingFailed
from functions.roll_out_model.deployer import Traffic

from .conftest import challenge, summary


def serving(world: Any) -> dict[str, int]:
    return dict(world.deployer.observe("churn").serving)


def test_a_challenger_is_shadowed_then_gets_its_share_and_then_all(judged: Any) -> None:
    started = challenge(judged)
    assert summary(started) == [("rollout.started", "shadow")]
    assert started[0].data["champion_version"] == 1
    assert serving(judged) == {1: 100}
    assert judged.deployer.mirrors == {"churn": (1, 2)}

    advanced = judged.decide(2, "shadow", "promoted")
    assert summary(advanced) == [("rollout.advanced", "canary")]
    assert advanced[0].data["percent"] == 10
    assert serving(judged) == {1: 90, 2: 10}
    assert judged.deployer.mirrors == {}

    completed = judged.decide(2, "canary", "promoted")
    assert summary(completed) == [("rollout.completed", "promoted")]
    assert serving(judged) == {2: 100}
    assert judged.deployer.observe("churn").requested == Traffic(2, previous=1)
    assert judged.champion() == 2


def test_after_the_end_of_a_rollout_the_platform_is_checked_once_more(judged: Any) -> None:
    challenge(judged)
    judged.decide(2, "shadow", "rolled_back")
    calls = list(judged.deployer.calls)
    assert judged.ring(timedelta(seconds=60)) == []
    assert judged.deployer.calls == calls
    assert judged.waiting() == 0


def test_a_rollout_keeps_the_policy_it_began_with(judged: Any) -> None:
    challenge(judged)
    judged.spec(phases=["shadow"], canary_percent=40)
    advanced = judged.decide(2, "shadow", "promoted")
    assert (summary(advanced), advanced[0].data["percent"]) == ([("rollout.advanced", "canary")], 10)
    assert serving(judged) == {1: 90, 2: 10}


@pytest.mark.parametrize("outcome", ["rolled_back", "inconclusive"])
@pytest.mark.parametrize("phase", ["shadow", "canary"])
def test_a_challenger_that_is_not_promoted_goes_and_the_champion_serves_on(
    judged: Any, phase: str, outcome: str
) -> None:
    challenge(judged)
    if phase == "canary":
        judged.decide(2, "shadow", "promoted")
    completed = judged.decide(2, phase, outcome)
    assert summary(completed) == [("rollout.completed", outcome)]
    assert completed[0].data["message"].startswith("because")
    assert serving(judged) == {1: 100}
    assert 2 not in judged.deployer.observe("churn").versions
    assert judged.deployer.mirrors == {}
    assert judged.facts()[-1] == f"v2 {outcome}"
    assert judged.champion() == 1


def test_a_verdict_delivered_twice_acts_once(judged: Any) -> None:
    challenge(judged)
    first = judged.decide(2, "shadow", "promoted", id_="d")
    assert judged.decide(2, "shadow", "promoted", id_="d") == first
    assert judged.decide(2, "shadow", "promoted", id_="other") == []
    assert serving(judged) == {1: 90, 2: 10}


@pytest.mark.parametrize(("version", "phase"), [(1, "shadow"), (3, "shadow"), (2, "canary")])
def test_a_verdict_about_something_else_does_nothing(judged: Any, version: int, phase: str) -> None:
    challenge(judged)
    assert judged.decide(version, phase, "promoted") == []
    assert serving(judged) == {1: 100}


def test_with_a_shadow_alone_its_verdict_promotes(world: Any) -> None:
    world.serve(1)
    world.spec(phases=["shadow"])
    challenge(world)
    assert summary(world.decide(2, "shadow", "promoted")) == [("rollout.completed", "promoted")]


def test_with_a_canary_alone_it_starts_with_its_share(world: Any) -> None:
    world.serve(1)
    world.spec(phases=["canary"], canary_percent=25)
    (started,) = challenge(world)
    assert (started.data["phase"], started.data["percent"]) == ("canary", 25)
    assert serving(world) == {1: 75, 2: 25}


def test_a_challenger_that_never_becomes_ready_is_rolled_back_and_never_shadowed(judged: Any) -> None:
    judged.approve(2)
    judged.deployer.make_failed("churn", 2, "ExitCode4: boom")
    assert summary(judged.ring()) == [("rollout.completed", "rolled_back")]
    assert judged.deployer.mirrors == {}


def test_a_challenger_that_fails_in_its_canary_is_noticed_and_rolled_back(judged: Any) -> None:
    challenge(judged)
    judged.decide(2, "shadow", "promoted")
    judged.deployer.make_crashed("churn", 2, "ExitCode137: killed")
    assert summary(judged.ring(timedelta(seconds=61))) == [("rollout.completed", "rolled_back")]
    assert serving(judged) == {1: 100}


def test_while_paused_a_verdict_is_held_and_resuming_carries_it_out(judged: Any) -> None:
    challenge(judged)
    assert judged.ask("pause") == []
    assert judged.decide(2, "shadow", "promoted") == []
    assert serving(judged) == {1: 100}
    assert summary(judged.ask("resume")) == [("rollout.advanced", "canary")]


def test_a_challenger_that_fails_while_a_verdict_is_held_ends_as_rolled_back(judged: Any) -> None:
    challenge(judged)
    judged.ask("pause")
    judged.decide(2, "shadow", "inconclusive")
    judged.deployer.make_crashed("churn", 2, "ExitCode137: killed")
    (completed,) = judged.ring(timedelta(seconds=61))
    assert completed.data["outcome"] == "rolled_back"
    assert completed.data["message"] == "churn-v2 failed: ExitCode137: killed; churn-v1 keeps the traffic"
    assert judged.facts()[-1] == "v2 rolled_back"


def test_a_person_ends_a_rollout_at_once_either_way(judged: Any) -> None:
    challenge(judged)
    completed = judged.ask("promote", comment="seen enough")
    assert summary(completed) == [("rollout.completed", "promoted")]
    assert "asked for by ann: seen enough" in completed[0].data["message"]
    challenge(judged, 3)
    assert summary(judged.ask("roll_back")) == [("rollout.completed", "rolled_back")]
    assert judged.champion() == 2


def test_a_person_who_approves_the_champion_is_told_that_it_is_champion_already(judged: Any) -> None:
    challenge(judged)
    judged.ask("promote")
    with pytest.raises(HandlingFailed, match="churn/v2 is champion already") as failed:
        judged.deliver(judged.approval(2, gate=False))
    assert failed.value.status == 422
    judged.ring()
    assert (judged.champion(), serving(judged)) == (2, {2: 100})


@pytest.mark.parametrize("under_way", [False, True])
def test_the_gates_second_approval_of_the_champion_changes_nothing(judged: Any, under_way: bool) -> None:
    challenge(judged)
    judged.ask("promote")
    if under_way:
        challenge(judged, 3)
    facts, before = judged.facts(), judged.deployer.observe("churn")
    assert judged.deliver(judged.approval(2)) == []
    assert (judged.facts(), judged.deployer.observe("churn")) == (facts, before)


def test_rolling_back_gives_the_traffic_to_the_champion_before_at_once(judged: Any) -> None:
    challenge(judged)
    judged.ask("promote")
    (completed,) = judged.ask("roll_back")
    assert (completed.data["version"], completed.data["outcome"]) == (2, "rolled_back")
    assert completed.data["champion_version"] == 1
    assert serving(judged) == {1: 100}
    assert judged.champion() == 1


def test_a_person_promotes_any_registered_version_without_phases(judged: Any) -> None:
    judged.register(2)
    assert judged.ask("promote", version=2)[0].type.endswith("rollout.started")
    judged.deployer.make_ready("churn", 2)
    assert summary(judged.ring()) == [("rollout.completed", "promoted")]


@pytest.mark.parametrize(
    ("action", "more", "reason"),
    [
        ("roll_back", {}, "there is no version of churn to go back to"),
        ("promote", {}, "say which one to promote"),
        ("promote", {"version": 1}, "is champion already"),
        ("promote", {"version": 9}, "is not registered"),
        ("pause", {}, "no version of churn is being rolled out"),
        ("resume", {}, "no version of churn is being rolled out"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(
    judged: Any, action: str, more: dict[str, int], reason: str
) -> None:
    with pytest.raises(HandlingFailed, match=reason) as failed:
        judged.ask(action, **more)
    assert failed.value.status == 422


def test_a_version_approved_meanwhile_begins_its_own_phases_after_the_end(judged: Any) -> None:
    challenge(judged)
    assert judged.approve(3) == []
    judged.decide(2, "shadow", "rolled_back")
    judged.ring()
    judged.deployer.make_ready("churn", 3)
    assert summary(judged.ring()) == [("rollout.started", "shadow")]
    assert serving(judged) == {1: 100}


def test_a_service_edited_by_hand_in_a_canary_is_brought_back(judged: Any) -> None:
    challenge(judged)
    judged.decide(2, "shadow", "promoted")
    judged.deployer.shift_by_hand("churn", 1)
    assert judged.ring(timedelta(seconds=61)) == []
    assert serving(judged) == {1: 90, 2: 10}


def test_a_version_that_gets_all_traffic_for_want_of_a_champions_service_says_that_it_began(
    judged: Any,
) -> None:
    judged.deployer.delete_by_hand("churn")
    events = judged.approve(2)
    judged.deployer.make_ready("churn", 2)
    events += judged.ring()

    assert summary(events) == [("rollout.started", "replace"), ("rollout.completed", "promoted")]
    assert judged.champion() == 2
