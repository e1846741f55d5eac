"""A step that the platform refuses is taken back, or said to be still there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from eventing.event import Event
from functions.roll_out_model.deployer import Refused, Traffic, Unavailable

from .conftest import challenge, summary


def refuse(*_: Any) -> None:
    raise Refused("the API answered 403 Forbidden")


def unavailable(*_: Any) -> None:
    raise Unavailable("the API cannot be reached")


@pytest.mark.parametrize(
    ("refused", "phase"), [("mirror", "shadow"), ("shift", "shadow"), ("shift", "canary")]
)
def test_a_step_that_the_platform_refuses_is_taken_back(
    judged: Any, monkeypatch: pytest.MonkeyPatch, refused: str, phase: str
) -> None:
    if phase == "canary":
        challenge(judged)
        judged.decide(2, "shadow", "promoted")
    monkeypatch.setattr(judged.deployer, refused, refuse)
    events = judged.decide(2, "canary", "promoted") if phase == "canary" else challenge(judged)
    assert summary(events) == [("rollout.completed", "rolled_back")]
    assert events[0].data["message"] == (
        "churn-v2 was refused: the API answered 403 Forbidden; churn-v1 keeps the traffic"
    )
    seen = judged.deployer.observe("churn")
    assert (seen.serving, seen.requested, list(seen.versions)) == ({1: 100}, Traffic(1), [1])
    assert judged.deployer.mirrors == {}


def promote_a_canary(judged: Any, monkeypatch: pytest.MonkeyPatch, *, undoing: Any) -> list[Event]:
    """Let a canary be promoted while the platform refuses to shift traffic; return the events."""
    challenge(judged)
    judged.decide(2, "shadow", "promoted")
    with monkeypatch.context() as denied:
        denied.setattr(judged.deployer, "shift", refuse)
        denied.setattr(judged.deployer, "remove", undoing)
        events: list[Event] = judged.decide(2, "canary", "promoted")
    return events


def test_what_cannot_be_undone_yet_is_not_announced_as_rolled_back(
    judged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert promote_a_canary(judged, monkeypatch, undoing=unavailable) == []
    assert judged.facts()[-1] == "v1 promoted"
    (event,) = judged.ring()
    assert summary([event]) == [("rollout.completed", "rolled_back")]
    assert "churn-v2 was refused: the API answered 403 Forbidden" in event.data["message"]


def test_what_may_not_be_taken_back_ends_the_rollout_and_says_so_and_is_tried_again_later(
    judged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = promote_a_canary(judged, monkeypatch, undoing=refuse)
    assert summary(events) == [("rollout.completed", "rolled_back")]
    assert "it cannot be taken back: the API answered 403 Forbidden" in events[0].data["message"]
    assert judged.deployer.observe("churn").serving == {1: 90, 2: 10}
    judged.ring(timedelta(seconds=61))
    assert judged.deployer.observe("churn").serving == {1: 100}


def test_of_a_service_that_is_not_ours_nothing_is_taken_back(
    judged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    challenge(judged)
    monkeypatch.setattr(judged.deployer, "observe", refuse)
    before = list(judged.deployer.calls)
    assert summary(judged.ring(timedelta(seconds=61))) == [("rollout.completed", "rolled_back")]
    assert judged.deployer.calls == before
