"""A challenger goes through shadow and canary while a client never stops asking, whatever is killed."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import pytest
from scipy.stats import binomtest
from support import trained_on_request
from support.crowd import Crowd
from support.live_system import LiveSystem, eventually
from support.trained_on_request import GOOD, POOR, begin, train

from eventing import catalogue as c

pytestmark = [pytest.mark.timeout(700), pytest.mark.slow]

MODEL = "patrons"
OF_THE_LOOP = ("judge_rollout", "roll_out_model", "join_feedback", "log_inferences", "ring_timers")


def spec(candidate: dict[str, Any], **gate: float) -> bytes:
    return trained_on_request.spec(MODEL, candidate, rollout={"min_labels": 80, "canary_percent": 10}, **gate)


def time_of(event: dict[str, Any]) -> float:
    return datetime.fromisoformat(event["time"]).timestamp()


def kill_the_loop(system: LiveSystem) -> None:
    for function in OF_THE_LOOP:
        assert system.kill(f"functions.{function}"), function


@pytest.fixture(scope="module")
def served(announcing: LiveSystem) -> LiveSystem:
    """A system, with a first version that is not very good."""
    system = announcing
    begin(system, MODEL, spec(POOR))
    return system


def test_a_better_challenger_is_promoted_through_shadow_and_canary_whatever_is_killed(
    served: LiveSystem,
) -> None:
    with Crowd(served, MODEL) as crowd:
        train(served, MODEL, spec(GOOD))
        started = served.wait_for(c.RolloutStarted.type, subject=f"{MODEL}/v2")
        assert started["data"]["phase"] == "shadow"
        kill_the_loop(served)
        advanced = served.wait_for(c.RolloutAdvanced.type, subject=f"{MODEL}/v2")
        assert advanced["data"]["percent"] == 10
        served.run("kascade", "pause", MODEL)
        kill_the_loop(served)
        shares = crowd.rush(10_000)
        served.run("kascade", "resume", MODEL)
        completed = served.wait_for(c.RolloutCompleted.type, subject=f"{MODEL}/v2")
        settled = time.time()
        eventually(lambda: crowd.between(settled, time.time()).total() > 50, 30, what="more answers")
    assert completed["data"]["outcome"] == "promoted"
    assert crowd.failed == []
    verdicts = served.events(type=c.RolloutDecided.type, subject=f"{MODEL}/v2")
    # That the canary stands is told when its traffic has arrived; the shadow ends with the judge's word.
    shadowed = crowd.between(time_of(started), time_of(verdicts[0]))
    assert set(shadowed) == {1}, "a shadow answered a client"
    assert binomtest(shares[2], shares.total(), 0.1).pvalue > 1e-4, shares
    assert set(crowd.between(settled, time.time())) == {2}
    assert [(each["data"]["phase"], each["data"]["outcome"]) for each in verdicts] == [
        ("shadow", "promoted"),
        ("canary", "promoted"),
    ]
    assert all(each["data"]["wealth_better"] >= each["data"]["threshold"] for each in verdicts)


def test_a_worse_challenger_that_was_forced_past_the_gate_is_taken_back(served: LiveSystem) -> None:
    with Crowd(served, MODEL) as crowd:
        train(served, MODEL, spec(POOR, margin=1.0))
        completed = served.wait_for(c.RolloutCompleted.type, subject=f"{MODEL}/v3")
    assert completed["data"]["outcome"] == "rolled_back"
    assert crowd.failed == []
    assert set(crowd.between(0, time.time())) == {2}, "it was still in its shadow"
    assert "rolled_back" in served.run("kascade", "explain", f"{MODEL}/v3")


def test_a_person_rolls_back_and_the_champion_before_answers_at_once(served: LiveSystem) -> None:
    with Crowd(served, MODEL) as crowd:
        eventually(lambda: crowd.answers, 30, what="answer")
        served.run("kascade", "rollback", MODEL)
        eventually(lambda: crowd.answers[-1].version == 1, 20, what="answer by the champion before")
        settled = time.time()
        eventually(lambda: crowd.between(settled, time.time()).total() > 100, 30, what="more answers")
    assert crowd.failed == []
    assert set(crowd.between(settled, time.time())) == {1}
