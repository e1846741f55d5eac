"""Tests of what an event makes of a rollout, and of the goal that follows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from eventing import catalogue as kinds
from eventing.errors import Rejected
from functions.roll_out_model.admission import Admission, admit
from functions.roll_out_model.decide import Decision, Payload, decide
from functions.roll_out_model.deployer import ServedVersion
from functions.roll_out_model.logic import Desired, Retirement, Rollout, Stage
from functions.roll_out_model.rollout_state import ModelState, Phase, RolloutState
from functions.state.specs import RegisteredSpec
from functions.state.versions import Fact

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
V1, V2 = (ServedVersion("churn", version, f"s3://models/v{version}", "0" * 64) for version in (1, 2))
SERVING = ModelState("churn", versions={1: V1, 2: V2}, facts=((1, Fact.PROMOTED),))
SHADOW = RolloutState(
    2, 1, Phase.SHADOW, NOW, announced=True, started=True, phases=("shadow", "canary"), percent=10
)
SHADOWED = replace(SERVING, rollout=SHADOW)


def after(state: ModelState, payload: Payload) -> Decision:
    return decide(state, payload, NOW, NOW)


def requested(action: str, version: int | None = None) -> kinds.RolloutRequested:
    return kinds.RolloutRequested(
        model="churn", action=kinds.RolloutAction(action), version=version, requested_by="ann"
    )


def judged(outcome: str, phase: str = "shadow") -> kinds.RolloutDecided:
    return kinds.RolloutDecided.model_validate(
        {
            "model": "churn",
            "version": 2,
            "champion_version": 1,
            "phase": phase,
            "outcome": outcome,
            "reason": "evidence",
            "labels": 100,
            "wealth_worse": 1,
            "wealth_better": 30,
            "threshold": 20,
            "alpha": 0.05,
            "margin": 0.01,
            "message": "because",
        }
    )


@pytest.mark.parametrize(
    ("state", "payload", "stage"),
    [
        (SHADOWED, judged("promoted"), Stage.CANARY),
        (SHADOWED, judged("promoted", "canary"), Stage.SHADOW),
        (SHADOWED, judged("rolled_back"), Stage.ABANDON),
        (replace(SERVING, rollout=replace(SHADOW, paused=True)), judged("rolled_back"), Stage.SHADOW),
        (replace(SERVING, rollout=replace(SHADOW, phases=("shadow",))), judged("promoted"), Stage.REPLACE),
        (SHADOWED, requested("pause"), Stage.SHADOW),
        (SHADOWED, requested("promote"), Stage.REPLACE),
        (SHADOWED, requested("roll_back"), Stage.ABANDON),
        (SERVING, requested("promote", 2), Stage.REPLACE),
    ],
)
def test_a_verdict_or_a_request_gives_the_rollout_its_next_stage(
    state: ModelState, payload: Payload, stage: Stage
) -> None:
    goal = after(state, payload).goal

    assert isinstance(goal, Rollout)
    assert (goal.version, goal.champion, goal.stage) == (V2, V1, stage)


def test_without_a_rollout_the_goal_is_what_the_facts_say() -> None:
    facts = ((1, Fact.PROMOTED), (2, Fact.PROMOTED), (3, Fact.ROLLED_BACK))
    state = replace(SERVING, facts=facts)

    assert after(state, judged("promoted")).goal == Desired("churn", V2, 1, frozenset({3}))


def test_a_retirement_ends_what_is_under_way_and_what_waits() -> None:
    decision = after(replace(SHADOWED, queued=3), requested("retire"))

    assert decision.goal == Retirement("churn", asked_now=True)
    assert decision.declined == ((3, "the model is retired"),)


def test_what_cannot_be_is_rejected() -> None:
    for state, payload in ((SERVING, requested("pause")), (SHADOWED, requested("promote", 1))):
        with pytest.raises(Rejected):
            after(state, payload)


@pytest.mark.parametrize(
    ("version", "champion", "active", "queued", "by_person", "expected"),
    [
        (1, None, None, None, False, Admission.START),
        (2, 1, None, None, False, Admission.START),
        (2, None, 2, None, False, Admission.UNDER_WAY),
        (3, None, 2, 3, True, Admission.UNDER_WAY),
        (3, None, 2, None, False, Admission.QUEUE),
        (4, None, 2, 3, False, Admission.QUEUE),
        (3, None, 2, 4, False, Admission.SUPERSEDED),
        (2, 3, None, None, False, Admission.SUPERSEDED),
        (2, 3, None, None, True, Admission.START),
        (1, 2, 3, None, True, Admission.QUEUE),
        (2, 2, None, None, False, Admission.CHAMPION),
        (2, 2, None, None, True, Admission.CHAMPION),
        (2, 2, 3, None, False, Admission.CHAMPION),
    ],
)
def test_an_approval_is_admitted_by_what_is_under_way(
    version: int,
    champion: int | None,
    active: int | None,
    queued: int | None,
    by_person: bool,
    expected: Admission,
) -> None:
    found = admit(version, champion=champion, active=active, queued=queued, by_person=by_person)
    assert found is expected


def test_where_no_version_before_can_watch_harm_is_answered_in_the_usual_phases() -> None:
    harmed = replace(SERVING, harmed=1)
    approved = kinds.ModelApproved(model="churn", version=2, approved_by="ann")

    at_once = after(harmed, approved).rollout
    phased = after(replace(harmed, former_can_watch=False), approved).rollout

    assert at_once is not None
    assert phased is not None
    assert (at_once.phase, phased.phase) == (Phase.PROBATION, Phase.SHADOW)
    assert "on this platform no version before can watch" in (phased.reason or "")


@pytest.mark.parametrize("phase", [Phase.SHADOW, Phase.CANARY])
@pytest.mark.parametrize("harm", ["immediate", "phased"])
def test_a_version_that_answers_proven_harm_ends_the_phase_of_one_that_is_tried(
    phase: Phase, harm: str
) -> None:
    text = f"model: churn\ntarget: y\nrollout: {{harm: {harm}}}\n"
    spec = RegisteredSpec(model="churn", text=text)
    v3 = ServedVersion("churn", 3, "s3://models/v3", "0" * 64)
    state = replace(SHADOWED, harmed=1, rollout=replace(SHADOW, phase=phase), spec=spec)
    state = replace(state, versions={**state.versions, 3: v3})

    found = after(state, kinds.ModelApproved(model="churn", version=3, approved_by="ann"))

    assert found.queue == 3
    assert found.rollout is not None
    verdict = found.rollout.verdict
    if harm == "phased":
        assert verdict is None
        return
    assert verdict is not None
    assert (verdict.outcome, verdict.final) == (kinds.RolloutOutcome.INCONCLUSIVE, True)
    assert verdict.message == "labels prove that v1 does harm, and v3, trained since, serves at once"
