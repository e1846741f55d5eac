"""Each rule of the governor at its default, on both sides of its limit, and their order."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventing.catalogue import TrainingReason as Reason
from functions.govern_training.facts import Digests, Inputs, Refuse, Request, Run, Start, Wait
from functions.govern_training.logic import MANUAL_RULES, RULES, decide, may_retry
from functions.state.run_facts import refused_in_a_row
from pipelines.spec import Retrain

from .conftest import DAY, HOUR, MINUTE, NEW, NOW, POLICY, SECOND, ask, request, rule, run


def running(version: int = 2, **changes: Any) -> Run:
    plain = run(version, outcome=None, verdict=None, rollout=None, train_rows=None, ended_at=None)
    return replace(plain, **({"lease_until": NOW + HOUR} | changes))


def test_the_first_model_starts_once_it_has_enough_rows() -> None:
    assert ask() == Start("enough-rows", Reason.DATASET)


def test_the_rules_stand_in_the_published_order() -> None:
    names = [each.__name__.strip("_") for each in RULES]
    assert names == [
        "retired",
        "dataset",
        "loop_guard",
        "harm_first",
        "dedupe",
        "single_flight",
        "breaker",
        "budget",
        "cooldown",
        "debounce",
        "enough_rows",
    ]
    assert [each.__name__.strip("_") for each in MANUAL_RULES] == ["dataset", "dedupe", "single_flight"]


def test_a_request_without_data_waits_and_says_how_to_give_some() -> None:
    decision = ask(on=request(Reason.MANUAL, digests=None))
    assert rule(decision) == "Wait dataset"
    assert isinstance(decision, Wait)
    assert decision.until is None
    assert "drop a file" in decision.message
    assert rule(ask(on=request(Reason.MANUAL, digests=None, known=False))) == "Refuse dataset"


def test_a_trigger_that_the_spec_leaves_out_is_refused_and_counts_for_nothing() -> None:
    policy = Retrain(on=("dataset",))
    assert rule(ask(on=request(Reason.DRIFT), policy=policy)) == "Refuse enabled"
    late = run(ended=2 * HOUR)
    merged = request(Reason.DATASET, Reason.PERFORMANCE)
    assert rule(ask(late, on=merged, policy=policy)) == "Wait cooldown"
    assert rule(ask(late, on=merged)) == "Start enough-rows"
    assert rule(ask(on=request(Reason.MANUAL), policy=Retrain(on=()))) == "Start manual"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"depth": 16}, "Start enough-rows"),
        ({"depth": 17}, "Refuse loop-guard"),
        ({"trained_in_chain": 1}, "Refuse loop-guard"),
    ],
)
def test_loop_guard(changes: dict[str, Any], expected: str) -> None:
    assert rule(ask(on=request(**changes))) == expected


def test_dedupe_names_the_run_that_trained_on_the_same_inputs() -> None:
    decision = ask(run(digests=NEW), run(2))
    assert rule(decision) == "Refuse dedupe"
    assert isinstance(decision, Refuse)
    assert decision.run_id == "churn-v1"
    assert rule(ask(run(digests=replace(NEW, code="0" * 64)))) == "Start enough-rows"
    assert rule(ask(run(digests=replace(NEW, config="0" * 64)))) == "Start enough-rows"
    assert rule(ask(running(digests=NEW))) == "Refuse dedupe"


@pytest.mark.case("T2", "a person can override")
def test_a_person_who_forces_it_is_never_told_that_a_run_has_been_or_is_under_way() -> None:
    forced = request(Reason.MANUAL, forced=True)
    assert rule(ask(run(digests=NEW), on=request(Reason.MANUAL))) == "Refuse dedupe"
    assert "--force" in getattr(ask(run(digests=NEW), on=request(Reason.MANUAL)), "message", "")
    assert rule(ask(run(digests=NEW), on=forced)) == "Start manual"
    assert rule(ask(running(digests=NEW), on=forced)) == "Start manual"


def test_inputs_that_failed_once_are_tried_again_and_twice_are_not_but_a_person_may() -> None:
    failed: dict[str, Any] = {"digests": NEW, "outcome": "failed", "verdict": None, "rollout": None}
    once, twice = run(1, **failed), run(2, **failed)
    assert rule(ask(once)) == "Start enough-rows"
    assert rule(ask(once, twice)) == "Refuse dedupe"
    assert rule(ask(once, twice, on=request(Reason.MANUAL))) == "Start manual"


def test_single_flight_waits_for_the_lease_and_no_longer() -> None:
    assert ask(running()) == Wait("single-flight", "run churn-v2 is under way", NOW + HOUR)
    assert rule(ask(running(lease_until=NOW))) == "Start enough-rows"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"verdict": None, "rollout": None, "hold_until": NOW + SECOND}, "Wait single-flight"),
        ({"verdict": None, "rollout": None, "hold_until": NOW}, "Start manual"),
        ({"verdict": "approved", "rollout": None, "hold_until": NOW + DAY}, "Wait single-flight"),
        ({"verdict": "approved", "rollout": "promoted", "hold_until": NOW + DAY}, "Start manual"),
        ({"verdict": "asked", "rollout": None, "hold_until": NOW + DAY}, "Wait single-flight"),
        ({"verdict": "rejected", "rollout": None, "hold_until": NOW + DAY}, "Start manual"),
        ({"verdict": "superseded", "rollout": None, "hold_until": NOW + DAY}, "Start manual"),
    ],
)
def test_none_starts_while_a_candidate_is_judged_not_even_for_a_person(
    changes: dict[str, Any], expected: str
) -> None:
    assert rule(ask(run(**changes), run(2, outcome="failed"), on=request(Reason.MANUAL))) == expected


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [("approved", "Start enough-rows"), ("asked", "Start enough-rows"), (None, "Wait single-flight")],
)
def test_proven_harm_waits_for_the_gate_but_for_no_rollout_and_no_person(
    verdict: str | None, expected: str
) -> None:
    tried = run(ended=2 * HOUR, verdict=verdict, rollout=None, hold_until=NOW + DAY)
    assert rule(ask(tried, on=request(Reason.PERFORMANCE))) == expected
    assert rule(ask(tried, on=request(Reason.DATASET))) == "Wait single-flight"


def test_the_breaker_opens_after_two_refused_challengers_in_a_row() -> None:
    rejected: dict[str, Any] = {"verdict": "rejected", "rollout": None}
    rolled_back: dict[str, Any] = {"rollout": "rolled_back"}
    assert rule(ask(run(1, **rejected))) == "Start enough-rows"
    assert rule(ask(run(1, **rejected), run(2, **rolled_back))) == "Refuse breaker"
    assert rule(ask(run(1, **rejected), run(2), run(3, **rolled_back))) == "Start enough-rows"
    failed = run(3, outcome="failed", verdict=None, rollout=None)
    assert rule(ask(run(1, **rejected), run(2, **rejected), failed)) == "Refuse breaker"
    taken = run(2, verdict="rejected", rollout="promoted")  # a person promoted what the gate had rejected
    assert refused_in_a_row([run(1, **rejected), taken]) == 0
    assert rule(ask(run(1, **rejected), run(2, **rejected), on=request(Reason.MANUAL))) == "Start manual"


def test_the_budget_is_four_automatic_runs_in_any_24_hours() -> None:
    policy = Retrain(cooldown=timedelta(0))
    runs = [run(n, ended=(24 - n) * HOUR, length=HOUR / 2) for n in range(1, 5)]
    assert ask(*runs, policy=policy) == Wait(
        "budget",
        "4 automatic runs in 24 hours are the limit (retrain.max_per_day)",
        runs[0].approved_at + DAY,
    )
    assert rule(ask(*runs, policy=policy, now=runs[0].approved_at + DAY)) == "Start enough-rows"
    assert (
        rule(ask(*runs[:2], replace(runs[2], automatic=False), runs[3], policy=policy)) == "Start enough-rows"
    )
    assert rule(ask(policy=Retrain(max_per_day=0))) == "Refuse budget"


def test_a_person_bypasses_loop_guard_breaker_budget_cooldown_debounce_and_rows() -> None:
    blocked = [run(n, ended=(5 - n) * MINUTE, verdict="rejected", rollout=None) for n in range(1, 5)]
    for changes in ({}, {"reasons": frozenset({Reason.MANUAL, Reason.DATASET, Reason.DRIFT})}):
        asked = request(
            Reason.MANUAL,
            **(
                {"trained_in_chain": 3, "depth": 99, "total_rows": 0, "first_at": NOW, "last_at": NOW}
                | changes
            ),
        )
        assert ask(*blocked, on=asked) == Start("manual", Reason.MANUAL)


def test_a_lost_run_is_retried_once() -> None:
    lost = run(digests=NEW, outcome="lost")
    assert may_retry((run(), lost), lost)
    assert not may_retry((lost, replace(lost, version=2)), lost)


moments = st.integers(-100_000, 100_000).map(lambda seconds: NOW + timedelta(seconds=seconds * 30))


@st.composite
def runs(draw: st.DrawFn) -> Run:
    approved = draw(moments)
    outcome = draw(st.sampled_from([None, "completed", "failed", "lost"]))
    return Run(
        run_id=draw(st.sampled_from(["a", "b"])),
        version=draw(st.integers(1, 9)),
        automatic=draw(st.booleans()),
        digests=Digests(draw(st.sampled_from([NEW.dataset, "0"])), NEW.code, NEW.config),
        rows=draw(st.integers(0, 2000)),
        approved_at=approved,
        lease_until=approved + draw(st.sampled_from([HOUR, DAY])),
        ended_at=approved + draw(st.sampled_from([MINUTE, HOUR])) if outcome else None,
        outcome=outcome,
        verdict=draw(st.sampled_from([None, "approved", "rejected"])) if outcome == "completed" else None,
        rollout=draw(st.sampled_from([None, "promoted", "rolled_back"])) if outcome == "completed" else None,
        hold_until=draw(st.none() | moments),
    )


requests = st.builds(
    Request,
    reasons=st.frozensets(st.sampled_from(Reason), min_size=1),
    digests=st.just(NEW),
    total_rows=st.integers(0, 4000),
    first_at=moments,
    last_at=moments,
    depth=st.integers(0, 20),
    trained_in_chain=st.integers(0, 1),
)


@settings(deadline=None, max_examples=300)
@given(st.lists(runs(), max_size=6), requests, moments)
def test_whatever_happened_a_start_breaks_no_rule(past: list[Run], asked: Request, now: datetime) -> None:
    decision = decide(POLICY, Inputs(asked, now, tuple(past)))
    assert decision == decide(POLICY, Inputs(asked, now, tuple(past)))
    if isinstance(decision, Wait):
        assert decision.until is None or decision.until > now
    if not isinstance(decision, Start):
        return
    assert not any(one.ended_at is None and one.lease_until > now for one in past)
    assert not any(one.digests == NEW and one.outcome == "completed" for one in past)
    if asked.manual:
        return
    assert asked.depth <= 16
    assert asked.trained_in_chain == 0
    assert sum(one.automatic and one.approved_at > now - DAY for one in past) < POLICY.max_per_day
    assert refused_in_a_row(past) < POLICY.breaker


def test_a_retired_model_is_trained_for_a_person_alone() -> None:
    found = decide(POLICY, Inputs(request(retired=True), NOW))
    assert isinstance(found, Refuse)
    assert found.rule == "retired"
    assert ask(on=request(Reason.MANUAL, retired=True)) == Start("manual", Reason.MANUAL)
