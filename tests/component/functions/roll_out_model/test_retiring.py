"""A model that a person takes out of service goes whole, and comes back only when it is asked for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from eventing import catalogue as kinds
from eventing.event import Event
from eventing.testing import HandlingFailed
from functions.roll_out_model.deployer import Observed, Refused, ServedVersion, Traffic
from functions.state import runs, versions
from functions.state.database import transaction

MINUTE = timedelta(seconds=60)
V2 = ServedVersion("churn", 2, "s3://models/churn/v2/model.onnx", "0" * 64)


def summary(events: list[Event]) -> list[tuple[str | None, str, str]]:
    """Subject, type and outcome of each event."""
    return [(e.subject, e.type.removeprefix(kinds.PREFIX), e.data.get("outcome", "")) for e in events]


def is_off_the_platform(world: Any) -> bool:
    return world.deployer.observe("churn") == Observed() and not world.deployer.mirrors


def add_run(world: Any, version: int, approved_at: datetime) -> None:
    digests = dict.fromkeys(("dataset_digest", "config_digest", "code_digest"), "0" * 64)
    with transaction(world.sessions) as session:
        session.add(
            runs.TrainingRun(
                model="churn",
                version=version,
                run_id=f"run-{version}",
                reason="manual",
                automatic=False,
                cause_id="c",
                correlation_id="c",
                rows=1,
                approved_at=approved_at,
                lease_until=approved_at + MINUTE,
                **digests,
            )
        )


def test_the_service_goes_and_the_facts_say_so(world: Any) -> None:
    world.serve(1)
    events = world.ask("retire", comment="no longer sold")
    assert summary(events) == [("churn/v1", "rollout.completed", "retired")]
    assert "asked for by ann: no longer sold" in events[0].data["message"]
    assert (events[0].data.get("champion_version"), events[0].data.get("url")) == (None, None)
    assert is_off_the_platform(world)
    assert world.champion() is None
    assert world.facts()[-1] == "v1 retired"


def test_a_redelivered_request_gives_the_same_answer(world: Any) -> None:
    world.serve(1)
    asked = kinds.RolloutRequested(model="churn", action=kinds.RolloutAction.RETIRE, requested_by="ann")
    event = Event("ask", "/cli", kinds.RolloutRequested.type, "churn", data=asked.model_dump(mode="json"))
    first = world.deliver(event)
    assert [e.id for e in world.deliver(event)] == [e.id for e in first]
    assert world.facts().count("v1 retired") == 1


def test_a_rollout_under_way_ends_and_the_version_that_waits_does_not_begin(challenged: Any) -> None:
    challenged.approve(3)
    events = challenged.ask("retire")
    assert summary(events) == [
        ("churn/v3", "rollout.completed", "inconclusive"),
        ("churn/v2", "rollout.completed", "inconclusive"),
        ("churn/v1", "rollout.completed", "retired"),
    ]
    assert is_off_the_platform(challenged)
    for _ in range(3):
        assert challenged.ring(MINUTE) == []
    assert is_off_the_platform(challenged)


def test_a_first_version_under_way_is_retired_itself(world: Any) -> None:
    world.approve(1)
    assert summary(world.ask("retire")) == [("churn/v1", "rollout.completed", "retired")]
    assert is_off_the_platform(world)
    assert world.ring(MINUTE) == []


def test_a_model_of_which_nothing_serves_can_be_retired(world: Any) -> None:
    world.register(1)
    world.register(2)
    assert summary(world.ask("retire")) == [("churn/v2", "rollout.completed", "retired")]


def test_a_rollback_under_way_ends_with_the_champions_retirement(world: Any) -> None:
    world.serve(1)
    world.serve(2)
    world.deployer.unavailable = True
    world.ask("roll_back")
    world.deployer.unavailable = False
    assert summary(world.ask("retire")) == [("churn/v2", "rollout.completed", "retired")]
    assert is_off_the_platform(world)


@pytest.mark.parametrize(
    ("prepare", "more", "reason"),
    [
        (lambda world: None, {}, "no version of churn is registered"),
        (lambda world: (world.serve(1), world.ask("retire")), {}, "churn is retired already"),
        (lambda world: world.serve(1), {"version": 1}, "a model is retired as a whole"),
    ],
)
def test_what_cannot_be_retired_is_refused_with_the_reason(
    world: Any, prepare: Any, more: dict[str, Any], reason: str
) -> None:
    prepare(world)
    with pytest.raises(HandlingFailed, match=reason):
        world.ask("retire", **more)


def test_nothing_is_announced_before_the_platform_has_let_it_go(challenged: Any) -> None:
    challenged.deployer.unavailable = True
    assert challenged.ask("retire") == []
    assert challenged.champion() == 1
    for action in ("pause", "resume", "promote", "roll_back"):
        with pytest.raises(HandlingFailed, match="churn is being retired"):
            challenged.ask(action)
    assert challenged.ask("retire") == []
    challenged.deployer.unavailable = False
    assert summary(challenged.ring()) == [
        ("churn/v2", "rollout.completed", "inconclusive"),
        ("churn/v1", "rollout.completed", "retired"),
    ]
    assert is_off_the_platform(challenged)


def test_a_model_that_the_platform_will_not_let_go_is_not_called_retired(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.serve(1)

    def refuse(*_: object) -> None:
        raise Refused("the API answered 403")

    with monkeypatch.context() as patched:
        patched.setattr(world.deployer, "delete", refuse)
        with pytest.raises(HandlingFailed, match="cannot be retired: the API answered 403"):
            world.ask("retire")
    assert world.champion() == 1
    world.deployer.unavailable = True
    world.ask("retire")
    world.deployer.unavailable = False
    with monkeypatch.context() as patched:
        patched.setattr(world.deployer, "delete", refuse)
        assert world.ring() == []
    assert summary(world.ring()) == [("churn/v1", "rollout.completed", "retired")]


def test_a_shadow_is_stopped_though_its_service_was_deleted_by_hand(challenged: Any) -> None:
    challenged.deployer.delete_by_hand("churn")
    challenged.ask("retire")
    assert is_off_the_platform(challenged)


def test_a_service_that_comes_back_by_itself_is_taken_away_again(world: Any) -> None:
    world.serve(1)
    world.serve(2)
    world.ask("retire")
    world.deployer.deploy(V2, None)
    world.deployer.make_ready("churn", 2)
    world.deployer.shift("churn", Traffic(2))
    with pytest.raises(HandlingFailed):
        world.ask("pause")
    world.ring()
    assert is_off_the_platform(world)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_version_approved_later_serves_as_a_first_one(world: Any, version: int) -> None:
    world.serve(1)
    world.serve(2)
    world.spec(phases=["shadow"])
    world.ask("retire")
    world.register(3)
    (started,) = world.deliver(world.approval(version, gate=False))
    assert (started.data["phase"], started.data.get("champion_version")) == ("replace", None)
    world.deployer.make_ready("churn", version)
    world.ring()
    assert world.champion() == version
    with pytest.raises(HandlingFailed, match="no version of churn to go back to"):
        world.ask("roll_back")


def test_an_approval_that_comes_while_the_model_goes_begins_after_it(world: Any) -> None:
    world.serve(1)
    world.deployer.unavailable = True
    world.ask("retire")
    world.approve(2, gate=False)
    world.deployer.unavailable = False
    events = world.ring() + world.ring()
    world.deployer.make_ready("churn", 2)
    events += world.ring()
    assert summary(events)[0] == ("churn/v1", "rollout.completed", "retired")
    assert world.champion() == 2


@pytest.mark.parametrize(("before_s", "serves"), [(10, False), (-10, True)])
def test_what_was_being_trained_when_the_model_was_retired_does_not_bring_it_back(
    world: Any, before_s: int, serves: bool
) -> None:
    world.serve(1)
    add_run(world, 2, world.clock[0] - timedelta(seconds=before_s))
    world.ask("retire")
    events = world.approve(2)
    if serves:
        assert summary(events) == [("churn/v2", "rollout.started", "")]
    else:
        assert summary(events) == [("churn/v2", "rollout.completed", "inconclusive")]
        assert "kascade promote churn 2" in events[0].data["message"]
        assert is_off_the_platform(world)
        assert summary(world.ask("promote", version=2)) == [("churn/v2", "rollout.started", "")]


def test_a_verdict_cannot_retire(challenged: Any) -> None:
    with pytest.raises(ValueError, match="not by a verdict"):
        challenged.decide(2, "shadow", "retired")


def test_the_time_of_a_retirement_is_known_until_a_version_serves_again(world: Any) -> None:
    world.serve(1)
    world.ask("retire")
    with transaction(world.sessions, read_only=True) as session:
        found = versions.retirement(session, "churn")
        assert found is not None
        assert (found.version, found.at) == (1, world.clock[0])
    world.serve(2)
    with transaction(world.sessions, read_only=True) as session:
        assert versions.retirement(session, "churn") is None
