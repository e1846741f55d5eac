"""A version trained since labels had proven the champion's harm serves at once, and the champion watches."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from eventing import catalogue as kinds
from eventing.event import Event, originate
from functions.roll_out_model.deployer import Traffic, Unavailable
from functions.state.database import transaction
from functions.state.runs import TrainingRun

BEGINS = "labels had proven that v1 does harm when v2 was trained"


@pytest.fixture
def harmed(world: Any) -> Any:
    """A world with champion v1, about which v2 was trained since labels had proven its harm."""
    world.serve(1)
    world.spec(phases=["shadow", "canary"])
    trained(world, 2, harmed=1)
    return world


def trained(world: Any, version: int, *, harmed: int | None) -> None:
    """Play the part of govern_training: the run of a version."""
    run = TrainingRun(
        model="churn",
        version=version,
        run_id=f"run-{version}",
        reason="performance" if harmed else "dataset",
        automatic=True,
        cause_id="alarm",
        correlation_id="alarm",
        **dict.fromkeys(("dataset_digest", "config_digest", "code_digest"), "0" * 64),
        rows=1000,
        approved_at=world.clock[0],
        lease_until=world.clock[0],
        harmed_version=harmed,
    )
    with transaction(world.sessions) as session:
        session.add(run)


def summary(events: list[Event]) -> list[tuple[str, str]]:
    return [
        (each.type.removeprefix("dev.kascade."), each.data.get("phase") or each.data["outcome"])
        for each in events
    ]


def challenge(world: Any, version: int = 2) -> list[Event]:
    events = world.approve(version)
    world.deployer.make_ready("churn", version)
    return [*events, *world.ring()]


def serving(world: Any) -> dict[int, int]:
    return dict(world.deployer.observe("churn").serving)


def test_it_serves_all_requests_and_the_champion_before_answers_copies(harmed: Any) -> None:
    (started,) = challenge(harmed)

    assert summary([started]) == [("rollout.started", "probation")]
    assert started.data["champion_version"] == 1
    assert (started.data["percent"], started.data["phases"]) == (100, ["probation"])
    assert started.data["reason"] == BEGINS
    assert serving(harmed) == {2: 100}
    assert harmed.deployer.mirrors == {"churn": (2, 1)}
    assert harmed.champion() == 2
    assert harmed.facts()[-2:] == ["v2 deployed", "v2 probation"]


def test_once_it_is_not_worse_it_stays_and_the_watch_ends(harmed: Any) -> None:
    challenge(harmed)

    assert summary(harmed.decide(2, "probation", "promoted")) == [("rollout.completed", "promoted")]
    assert harmed.deployer.observe("churn").requested == Traffic(2, previous=1)
    assert harmed.deployer.mirrors == {}
    assert harmed.facts()[-2:] == ["v2 probation", "v2 promoted"]


def test_found_worse_it_is_taken_back_and_the_champion_before_has_all_traffic_again(harmed: Any) -> None:
    challenge(harmed)

    (completed,) = harmed.decide(2, "probation", "rolled_back")

    assert (completed.data["outcome"], completed.data["champion_version"]) == ("rolled_back", 1)
    assert completed.data["message"] == "because; churn-v1 has all traffic again"
    assert serving(harmed) == {1: 100}
    assert (harmed.champion(), harmed.deployer.mirrors) == (1, {})
    assert 2 not in harmed.deployer.observe("churn").versions


def test_one_that_fails_on_probation_is_taken_back(harmed: Any) -> None:
    challenge(harmed)
    harmed.deployer.make_crashed("churn", 2, "ExitCode137: killed")

    assert summary(harmed.ring(timedelta(seconds=61))) == [("rollout.completed", "rolled_back")]
    assert (serving(harmed), harmed.champion()) == ({1: 100}, 1)


def test_it_serves_on_while_who_watches_starts_again(harmed: Any) -> None:
    challenge(harmed)
    harmed.deployer.make_crashed("churn", 1, "ExitCode137: killed")

    assert harmed.ring(timedelta(seconds=61)) == []
    assert serving(harmed) == {2: 100}


def test_without_a_champion_to_watch_it_is_promoted_at_once(harmed: Any) -> None:
    harmed.deployer.delete_by_hand("churn")

    assert summary(challenge(harmed)) == [("rollout.started", "replace"), ("rollout.completed", "promoted")]
    assert harmed.facts()[-2:] == ["v2 deployed", "v2 promoted"]


@pytest.mark.parametrize(
    ("rollout", "phase"),
    [
        ({"harm": "phased"}, "shadow"),
        ({"harm": "phased", "phases": ["canary"]}, "canary"),
        ({"phases": ["canary"]}, "probation"),
        ({"phases": []}, "replace"),
    ],
)
def test_model_yaml_says_whether_proven_harm_shortens_the_phases(
    harmed: Any, rollout: dict[str, Any], phase: str
) -> None:
    harmed.spec(**{"phases": ["shadow", "canary"], **rollout})

    assert summary(challenge(harmed))[0] == ("rollout.started", phase)


def test_harm_of_another_version_than_the_champion_shortens_nothing(harmed: Any) -> None:
    trained(harmed, 3, harmed=None)
    trained(harmed, 4, harmed=1)
    challenge(harmed, 3)
    harmed.decide(3, "shadow", "promoted")
    harmed.decide(3, "canary", "promoted")

    assert summary(challenge(harmed, 4)) == [("rollout.started", "shadow")]


def test_a_version_that_answers_harm_ends_the_shadow_of_another_and_serves_at_once(world: Any) -> None:
    world.serve(1)
    world.spec(phases=["shadow"])
    trained(world, 3, harmed=1)
    challenge(world, 2)
    assert summary(world.approve(3)) == [("rollout.completed", "inconclusive")]
    world.ring()
    world.deployer.make_ready("churn", 3)

    assert summary(world.ring()) == [("rollout.started", "probation")]


def test_a_newer_approved_version_ends_a_probation_and_is_rolled_out_next(harmed: Any) -> None:
    trained(harmed, 3, harmed=2)
    challenge(harmed)

    (completed,) = harmed.approve(3)

    assert summary([completed]) == [("rollout.completed", "promoted")]
    assert "not shown to be worse before v3 was approved" in completed.data["message"]
    harmed.ring()
    harmed.deployer.make_ready("churn", 3)
    assert summary(harmed.ring()) == [("rollout.started", "probation")]
    assert (serving(harmed), harmed.deployer.mirrors) == ({3: 100}, {"churn": (3, 2)})
    assert summary(harmed.decide(3, "probation", "rolled_back")) == [("rollout.completed", "rolled_back")]
    assert harmed.champion() == 2


def test_one_that_has_not_begun_to_serve_is_not_ended_by_a_newer_one(harmed: Any) -> None:
    harmed.approve(2)
    assert harmed.approve(3) == []
    harmed.deployer.make_ready("churn", 2)
    assert summary(harmed.ring()) == [("rollout.started", "probation")]


@pytest.mark.parametrize("step", ["shift", "mirror"])
def test_a_crash_between_two_steps_is_made_good_by_the_next_look(
    harmed: Any, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def away(*_: Any) -> None:
        raise Unavailable("the API cannot be reached")

    harmed.approve(2)
    harmed.deployer.make_ready("churn", 2)
    with monkeypatch.context() as broken:
        broken.setattr(harmed.deployer, step, away)
        assert harmed.ring() == []
    assert harmed.champion() == 1
    assert summary(harmed.ring()) == [("rollout.started", "probation")]
    assert (harmed.champion(), serving(harmed)) == (2, {2: 100})


def test_a_verdict_delivered_twice_acts_once(harmed: Any) -> None:
    challenge(harmed)
    first = harmed.decide(2, "probation", "rolled_back", id_="d")
    assert harmed.decide(2, "probation", "rolled_back", id_="d") == first
    assert harmed.decide(2, "probation", "rolled_back", id_="other") == []
    assert harmed.facts().count("v2 rolled_back") == 1


def test_a_person_takes_back_or_retires_what_is_on_probation(harmed: Any) -> None:
    challenge(harmed)
    assert summary(harmed.ask("roll_back")) == [("rollout.completed", "rolled_back")]
    assert harmed.champion() == 1
    trained(harmed, 3, harmed=1)
    challenge(harmed, 3)
    assert summary(harmed.ask("retire")) == [("rollout.completed", "retired")]
    assert harmed.champion() is None


def recall(world: Any, version: int, champion: int) -> list[Event]:
    """Play the part of evaluate_model: a former champion is better by now."""
    world.count += 1
    payload = kinds.ModelRecalled(
        model="churn",
        version=version,
        champion_version=champion,
        statistic=9_000,
        threshold=5_000,
        labels=120,
        margin=0.01,
        message="v1 was champion before",
    )
    source, subject, id_ = kinds.source_of("evaluate_model"), f"churn/v{version}", f"recalled-{world.count}"
    event = originate(kinds.ModelRecalled.type, source, subject, payload, id_=id_, now=world.clock[0])
    answers: list[Event] = world.deliver(event)
    return answers


@pytest.mark.parametrize(("rollout", "phase"), [({}, "probation"), ({"harm": "phased"}, "shadow")])
def test_a_former_champion_that_is_called_back_serves_again_without_a_training(
    world: Any, rollout: dict[str, Any], phase: str
) -> None:
    world.serve(1)
    world.serve(2)
    world.spec(phases=["shadow"], **rollout)

    (started,) = [*recall(world, 1, 2), *world.ring()]

    assert (started.data["phase"], started.data["version"]) == (phase, 1)
    assert started.data["reason"] == "v1 was champion before"
    assert world.champion() == (1 if phase == "probation" else 2)
    assert summary(world.decide(1, phase, "promoted")) == [("rollout.completed", "promoted")]
    assert (serving(world), world.champion()) == ({1: 100}, 1)


def test_one_called_back_and_found_worse_gives_way_to_the_champion_again(world: Any) -> None:
    world.serve(1)
    world.serve(2)
    world.spec(phases=["shadow"])
    recall(world, 1, 2)
    world.ring()

    assert summary(world.decide(1, "probation", "rolled_back")) == [("rollout.completed", "rolled_back")]
    assert (serving(world), world.champion()) == ({2: 100}, 2)


def test_a_former_champion_that_is_better_ends_the_shadow_of_another_version(world: Any) -> None:
    world.serve(1)
    world.serve(2)
    world.spec(phases=["shadow"])
    challenge(world, 3)

    (ended,) = recall(world, 1, 2)
    assert (ended.data["version"], ended.data["outcome"]) == (3, "inconclusive")
    assert "v1 was champion before" in ended.data["message"]
    assert (serving(world), world.champion()) == ({2: 100}, 2)

    (started,) = [*recall(world, 1, 2), *world.ring()]
    assert (started.data["phase"], started.data["version"]) == ("probation", 1)
    assert world.champion() == 1


@pytest.mark.parametrize("why", ["a probation", "a pause", "another champion", "not registered"])
def test_a_call_back_that_came_too_late_is_passed_over(world: Any, why: str) -> None:
    world.serve(1)
    world.serve(2)
    world.spec(phases=["shadow"])
    if why == "a pause":
        challenge(world, 3)
        world.ask("pause")
    if why == "a probation":
        recall(world, 1, 2)
        world.ring()
        assert recall(world, 1, 2) == []
        assert world.champion() == 1
        return
    version, champion = {"another champion": (1, 7), "not registered": (5, 2)}.get(why, (1, 2))

    assert recall(world, version, champion) == []
    assert (serving(world), world.champion()) == ({2: 100}, 2)
