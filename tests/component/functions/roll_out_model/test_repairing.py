"""What was done to the platform against the facts, by who was overtaken or died, is made good."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from eventing import catalogue as kinds
from eventing.event import originate
from eventing.testing import HandlingFailed
from functions.roll_out_model.deployer import Refused, ServedVersion, Traffic

MINUTE = timedelta(seconds=60)
V1, V2 = (
    ServedVersion("churn", version, f"s3://models/churn/v{version}/model.onnx", "0" * 64)
    for version in (1, 2)
)


@pytest.fixture
def overtake(challenged: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Let something happen, whole, while the next event to be handled has read the state and not acted."""

    def arrange(happens: Callable[[], Any]) -> None:
        observe = challenged.deployer.observe

        def interrupted(model: str) -> Any:
            monkeypatch.setattr(challenged.deployer, "observe", observe)
            happens()
            return observe(model)

        monkeypatch.setattr(challenged.deployer, "observe", interrupted)

    return arrange


def idle(world: Any) -> Any:
    """A timer's event that no row stands behind any more."""
    world.count += 1
    data = {"owner": "roll_out_model", "key": "churn", "due": world.clock[0].isoformat()}
    id_ = f"idle-{world.count}"
    return originate(kinds.TimerDue.type, "/test", "roll_out_model/churn", data, id_=id_, now=world.clock[0])


def shown(world: Any) -> tuple[dict[int, int], Traffic | None, list[int], int | None]:
    seen = world.deployer.observe("churn")
    return dict(seen.serving), seen.requested, sorted(seen.versions), seen.mirror


PROMOTED = {2: 100}, Traffic(2, previous=1), [1, 2], None
ROLLED_BACK = {1: 100}, Traffic(1), [1], None
CANARY = {1: 90, 2: 10}, Traffic(1, 2, 10), [1, 2], None


@pytest.mark.parametrize("then", ["timer", "redelivery"])
@pytest.mark.parametrize(
    ("phase", "outcome", "expected"),
    [
        ("canary", "promoted", PROMOTED),
        ("canary", "rolled_back", ROLLED_BACK),
        ("shadow", "rolled_back", ROLLED_BACK),
        ("shadow", "promoted", CANARY),
    ],
)
def test_who_is_overtaken_has_the_service_brought_back(
    challenged: Any, overtake: Any, phase: str, outcome: str, expected: Any, then: str
) -> None:
    """Given a timer that read the rollout before a verdict and acts after it, the facts win in the end."""
    if phase == "canary":
        challenged.decide(2, "shadow", "promoted")
    overtake(lambda: challenged.decide(2, phase, outcome))
    with pytest.raises(HandlingFailed) as caught:
        challenged.ring(MINUTE)
    assert caught.value.status == 503
    assert shown(challenged) != expected

    events = challenged.ring() if then == "timer" else challenged.deliver(challenged.timers[-1])

    assert events == []
    assert shown(challenged) == expected


def test_who_dies_after_being_overtaken_is_made_good_by_the_redelivery(
    challenged: Any, overtake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    challenged.decide(2, "shadow", "promoted")
    shift = challenged.deployer.shift

    def dying(*args: Any) -> None:
        monkeypatch.setattr(challenged.deployer, "shift", shift)
        shift(*args)
        raise RuntimeError("killed")

    def happens() -> None:
        challenged.decide(2, "canary", "promoted")
        monkeypatch.setattr(challenged.deployer, "shift", dying)

    overtake(happens)
    with pytest.raises(HandlingFailed):
        challenged.ring(MINUTE)
    assert shown(challenged) == CANARY

    assert challenged.deliver(challenged.timers[-1]) == []
    assert shown(challenged) == PROMOTED


def test_an_event_handled_twice_at_once_is_answered_alike_and_the_platform_checked_again(
    challenged: Any, overtake: Any
) -> None:
    """Given a delivery that is still at work when its redelivery and a verdict after it are done."""
    answers = []

    def happens() -> None:
        answers.append(challenged.decide(2, "shadow", "promoted", id_="twice"))
        challenged.decide(2, "canary", "promoted")

    overtake(happens)
    answers.append(challenged.decide(2, "shadow", "promoted", id_="twice"))

    assert [each.id for each in answers[0]] == [answers[1][0].id]
    assert shown(challenged) == CANARY
    challenged.ring()
    assert shown(challenged) == PROMOTED


def test_a_request_that_died_and_is_refused_when_it_comes_again_leaves_nothing_behind(
    challenged: Any,
) -> None:
    challenged.decide(2, "shadow", "inconclusive")
    challenged.deployer.deploy(V2, 1)
    with pytest.raises(HandlingFailed, match="say which one to promote"):
        challenged.ask("promote")
    challenged.ring()
    assert shown(challenged) == ROLLED_BACK


def test_a_refused_request_about_an_unknown_model_leaves_no_timer(world: Any) -> None:
    with pytest.raises(HandlingFailed, match="there is no version of churn to go back to"):
        world.ask("roll_back")
    assert world.waiting() == 0


def test_a_rollout_that_is_just_starting_is_not_undone(
    challenged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a version whose revision exists and whose start is not recorded yet, nobody takes it away."""
    challenged.decide(2, "shadow", "rolled_back")
    deploy = challenged.deployer.deploy

    def interrupted(*args: Any) -> None:
        monkeypatch.setattr(challenged.deployer, "deploy", deploy)
        deploy(*args)
        challenged.deliver(idle(challenged))
        assert 3 in challenged.deployer.observe("churn").versions

    monkeypatch.setattr(challenged.deployer, "deploy", interrupted)
    challenged.register(3)
    approval = challenged.approval(3)
    with pytest.raises(HandlingFailed):
        challenged.deliver(approval)
    challenged.deliver(approval)
    challenged.deployer.make_ready("churn", 3)
    (started,) = challenged.ring()
    assert (started.data["version"], started.data["phase"]) == (3, "shadow")


def test_where_nothing_differs_nothing_is_changed(challenged: Any) -> None:
    challenged.ask("promote")
    challenged.ask("roll_back")
    calls, before = list(challenged.deployer.calls), challenged.deployer.observe("churn")
    challenged.deliver(idle(challenged))
    challenged.decide(2, "canary", "rolled_back")
    assert (challenged.deployer.calls, challenged.deployer.observe("churn")) == (calls, before)
    assert before.requested == Traffic(1, previous=2)


def test_a_service_that_is_not_ours_is_not_repaired(challenged: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> None:
        raise Refused("the Service churn exists and is not a model's")

    challenged.ask("promote")
    calls = list(challenged.deployer.calls)
    monkeypatch.setattr(challenged.deployer, "observe", refuse)
    assert challenged.ring(MINUTE) == []
    assert challenged.deployer.calls == calls
    assert challenged.waiting() == 0


def test_the_champions_service_is_made_again_once_the_platform_answers(challenged: Any) -> None:
    challenged.ask("promote")
    challenged.deployer.delete_by_hand("churn")
    challenged.deployer.unavailable = True
    challenged.deliver(idle(challenged))
    challenged.deployer.unavailable = False

    challenged.ring(MINUTE)
    challenged.deployer.make_ready("churn", 2)
    challenged.ring(MINUTE)

    assert challenged.deployer.observe("churn").requested == Traffic(2)
    assert challenged.waiting() == 0


def test_no_traffic_is_taken_from_who_serves_while_the_champion_is_not_ready(challenged: Any) -> None:
    challenged.ask("roll_back")
    challenged.deployer.deploy(V2, 1)
    challenged.deployer.make_ready("churn", 2)
    challenged.deployer.shift("churn", Traffic(2))
    challenged.deployer.make_crashed("churn", 1, "ExitCode137: killed")
    challenged.deliver(idle(challenged))
    assert challenged.deployer.observe("churn").serving == {2: 100}

    challenged.deployer.make_ready("churn", 1)
    challenged.ring(MINUTE)
    assert shown(challenged) == ROLLED_BACK


def test_of_a_first_version_that_was_taken_back_no_service_stays(world: Any) -> None:
    world.approve(1)
    world.ask("roll_back")
    world.deployer.deploy(V1, None)
    world.deliver(idle(world))
    assert world.deployer.observe("churn").latest is None
