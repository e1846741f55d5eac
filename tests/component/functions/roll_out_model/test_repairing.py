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
def judged(world: Any) -> Any:
    """A world with champion v1 and challenger v2 in its shadow, which a canary of 10 % follows."""
    world.serve(1)
    world.spec(phases=["shadow", "canary"], canary_percent=10)
    world.approve(2)
    world.deployer.make_ready("churn", 2)
    world.ring()
    return world


@pytest.fixture
def overtake(judged: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Let something happen, whole, while the next event to be handled has read the state and not acted."""

    def arrange(happens: Callable[[], Any]) -> None:
        observe = judged.deployer.observe

        def interrupted(model: str) -> Any:
            monkeypatch.setattr(judged.deployer, "observe", observe)
            happens()
            return observe(model)

        monkeypatch.setattr(judged.deployer, "observe", interrupted)

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
    judged: Any, overtake: Any, phase: str, outcome: str, expected: Any, then: str
) -> None:
    """Given a timer that read the rollout before a verdict and acts after it, the facts win in the end."""
    if phase == "canary":
        judged.decide(2, "shadow", "promoted")
    overtake(lambda: judged.decide(2, phase, outcome))
    with pytest.raises(HandlingFailed) as caught:
        judged.ring(MINUTE)
    assert caught.value.status == 503
    assert shown(judged) != expected

    events = judged.ring() if then == "timer" else judged.deliver(judged.timers[-1])

    assert events == []
    assert shown(judged) == expected


def test_who_dies_after_being_overtaken_is_made_good_by_the_redelivery(
    judged: Any, overtake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged.decide(2, "shadow", "promoted")
    shift = judged.deployer.shift

    def dying(*args: Any) -> None:
        monkeypatch.setattr(judged.deployer, "shift", shift)
        shift(*args)
        raise RuntimeError("killed")

    def happens() -> None:
        judged.decide(2, "canary", "promoted")
        monkeypatch.setattr(judged.deployer, "shift", dying)

    overtake(happens)
    with pytest.raises(HandlingFailed):
        judged.ring(MINUTE)
    assert shown(judged) == CANARY

    assert judged.deliver(judged.timers[-1]) == []
    assert shown(judged) == PROMOTED


def test_an_event_handled_twice_at_once_is_answered_alike_and_the_platform_checked_again(
    judged: Any, overtake: Any
) -> None:
    """Given a delivery that is still at work when its redelivery and a verdict after it are done."""
    answers = []

    def happens() -> None:
        answers.append(judged.decide(2, "shadow", "promoted", id_="twice"))
        judged.decide(2, "canary", "promoted")

    overtake(happens)
    answers.append(judged.decide(2, "shadow", "promoted", id_="twice"))

    assert [each.id for each in answers[0]] == [answers[1][0].id]
    assert shown(judged) == CANARY
    judged.ring()
    assert shown(judged) == PROMOTED


def test_a_request_that_died_and_is_refused_when_it_comes_again_leaves_nothing_behind(judged: Any) -> None:
    judged.decide(2, "shadow", "inconclusive")
    judged.deployer.deploy(V2, 1)
    with pytest.raises(HandlingFailed, match="say which one to promote"):
        judged.ask("promote")
    judged.ring()
    assert shown(judged) == ROLLED_BACK


def test_a_refused_request_about_an_unknown_model_leaves_no_timer(world: Any) -> None:
    with pytest.raises(HandlingFailed, match="there is no version of churn to go back to"):
        world.ask("roll_back")
    assert world.waiting() == 0


def test_a_rollout_that_is_just_starting_is_not_undone(judged: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a version whose revision exists and whose start is not recorded yet, nobody takes it away."""
    judged.decide(2, "shadow", "rolled_back")
    deploy = judged.deployer.deploy

    def interrupted(*args: Any) -> None:
        monkeypatch.setattr(judged.deployer, "deploy", deploy)
        deploy(*args)
        judged.deliver(idle(judged))
        assert 3 in judged.deployer.observe("churn").versions

    monkeypatch.setattr(judged.deployer, "deploy", interrupted)
    judged.register(3)
    approval = judged.approval(3)
    with pytest.raises(HandlingFailed):
        judged.deliver(approval)
    judged.deliver(approval)
    judged.deployer.make_ready("churn", 3)
    (started,) = judged.ring()
    assert (started.data["version"], started.data["phase"]) == (3, "shadow")


def test_where_nothing_differs_nothing_is_changed(judged: Any) -> None:
    judged.ask("promote")
    judged.ask("roll_back")
    calls, before = list(judged.deployer.calls), judged.deployer.observe("churn")
    judged.deliver(idle(judged))
    judged.decide(2, "canary", "rolled_back")
    assert (judged.deployer.calls, judged.deployer.observe("churn")) == (calls, before)
    assert before.requested == Traffic(1, previous=2)


def test_a_service_that_is_not_ours_is_not_repaired(judged: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> None:
        raise Refused("the Service churn exists and is not a model's")

    judged.ask("promote")
    calls = list(judged.deployer.calls)
    monkeypatch.setattr(judged.deployer, "observe", refuse)
    assert judged.ring(MINUTE) == []
    assert judged.deployer.calls == calls
    assert judged.waiting() == 0


def test_the_champions_service_is_made_again_once_the_platform_answers(judged: Any) -> None:
    judged.ask("promote")
    judged.deployer.delete_by_hand("churn")
    judged.deployer.unavailable = True
    judged.deliver(idle(judged))
    judged.deployer.unavailable = False

    judged.ring(MINUTE)
    judged.deployer.make_ready("churn", 2)
    judged.ring(MINUTE)

    assert judged.deployer.observe("churn").requested == Traffic(2)
    assert judged.waiting() == 0


def test_no_traffic_is_taken_from_who_serves_while_the_champion_is_not_ready(judged: Any) -> None:
    judged.ask("roll_back")
    judged.deployer.deploy(V2, 1)
    judged.deployer.make_ready("churn", 2)
    judged.deployer.shift("churn", Traffic(2))
    judged.deployer.make_crashed("churn", 1, "ExitCode137: killed")
    judged.deliver(idle(judged))
    assert judged.deployer.observe("churn").serving == {2: 100}

    judged.deployer.make_ready("churn", 1)
    judged.ring(MINUTE)
    assert shown(judged) == ROLLED_BACK


def test_of_a_first_version_that_was_taken_back_no_service_stays(world: Any) -> None:
    world.approve(1)
    world.ask("roll_back")
    world.deployer.deploy(V1, None)
    world.deliver(idle(world))
    assert world.deployer.observe("churn").latest is None
