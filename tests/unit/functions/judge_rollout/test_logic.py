"""The judge over matured requests: order, entities, coverage, phases, deadline."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.judge_rollout.logic import advance, judge
from functions.judge_rollout.pairing import Waiting
from functions.judge_rollout.phases import begin, enter_phase
from functions.judge_rollout.policy import Policy, policy_of
from functions.judge_rollout.state import NO_LABELS, state_from_json, state_to_json
from functions.judge_rollout.verdict import Inconclusive, Promote, RollBack, Wait
from functions.judge_rollout.wealth import Blocks
from pipelines.spec import parse_spec

from .conftest import LATER, MINUTE, POLICY, START, canary, good, settle, shadow


def test_a_better_challenger_is_promoted_with_every_number_that_decided() -> None:
    state, verdict = settle(POLICY, good(2_000))

    assert isinstance(verdict, Promote)
    numbers = verdict.numbers
    assert numbers.labels >= POLICY.min_labels
    assert numbers.wealth_better >= numbers.threshold == 20.0
    assert numbers.wealth_worse <= 1.0
    assert numbers.difference == pytest.approx(-0.2, abs=0.02)
    assert (numbers.coverage_champion, numbers.coverage_challenger) == (1.0, 1.0)
    assert numbers.label_digest != NO_LABELS
    assert state.crossed == "better"


def test_a_worse_challenger_is_rolled_back_without_waiting_for_the_least_labels() -> None:
    _, verdict = settle(POLICY, [shadow(i, 0.0, 1.0) for i in range(50)])

    assert isinstance(verdict, RollBack)
    assert verdict.numbers.labels < POLICY.min_labels


@given(st.integers(0, 99), st.integers(0, 2**32))
@settings(deadline=None, max_examples=30)
def test_nothing_is_promoted_before_the_least_labels(n: int, seed: int) -> None:
    rng = random.Random(seed)
    _, verdict = settle(POLICY, [shadow(i, 1.0, float(rng.random() < 0.05)) for i in range(n)])

    assert not isinstance(verdict, Promote)


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0, None]), st.sampled_from([0.0, 1.0, None]))))
@settings(deadline=None, max_examples=50)
def test_the_deadline_always_ends_a_rollout(losses: list[tuple[float | None, float | None]]) -> None:
    requests = [shadow(i, *pair) for i, pair in enumerate(losses)]
    end = START + POLICY.deadline

    assert not isinstance(settle(POLICY, requests, end)[1], Wait)
    before = settle(POLICY, requests, end - timedelta(seconds=1))[1]
    assert not isinstance(before, Wait) or before.until == end


def test_no_label_at_all_is_inconclusive_at_the_deadline() -> None:
    _, verdict = settle(POLICY, [], START + POLICY.deadline)

    assert isinstance(verdict, Inconclusive)
    assert verdict.reason == "deadline"
    assert verdict.numbers.difference is None


def test_what_matures_after_the_deadline_decides_nothing_however_late_one_looks() -> None:
    policy = replace(POLICY, deadline=timedelta(hours=2))
    requests = [shadow(i, 1.0, 0.0) for i in range(61, 400)]

    assert isinstance(settle(policy, requests, START + timedelta(days=3))[1], Inconclusive)


def test_only_matured_labels_count() -> None:
    requests = good(300)

    state = advance(POLICY, begin(POLICY, START), requests, START + timedelta(hours=1, minutes=9))

    assert state.better.n == 10


@given(st.randoms(use_true_random=False), st.integers(1, 40))
@settings(deadline=None, max_examples=30)
def test_the_same_requests_in_any_pieces_order_and_repetition_give_the_same_state(
    rng: random.Random, piece: int
) -> None:
    requests = [
        shadow(i, float(rng.random() < 0.3), float(rng.random() < 0.3), f"e{i % 50}") for i in range(120)
    ]
    whole = advance(POLICY, begin(POLICY, START), requests, LATER)

    state = begin(POLICY, START)
    for first in range(0, 120, piece):
        part = requests[max(0, first - 7) : first + piece]
        rng.shuffle(part)
        state = advance(POLICY, state_from_json(json.loads(json.dumps(state_to_json(state)))), part, LATER)

    assert state == whole


def test_a_label_changes_the_digest_of_what_was_used() -> None:
    one, other = good(30), good(30)
    other[7] = shadow(7, 1.0, 1.0)

    assert settle(POLICY, one)[0].digest != settle(POLICY, other)[0].digest


def test_one_entity_counts_once() -> None:
    requests = [shadow(i, 1.0, 0.0, "the same customer") for i in range(500)]

    state, verdict = settle(POLICY, requests)

    assert isinstance(verdict, Wait)
    assert (state.better.n, state.repeats) == (1, 499)
    assert state.coverage.champion_matured == 1


def test_one_entity_counts_once_in_each_period_where_the_policy_says_so() -> None:
    policy = replace(POLICY, entity_period=timedelta(hours=1))

    state, _ = settle(policy, [shadow(i, 0.0, 0.0, "one") for i in range(300)])

    assert state.better.n == 5
    assert len(state.entities) == 1


def test_a_canary_sets_the_labels_of_one_stretch_against_each_other() -> None:
    requests = [canary(0, "champion", 1.0), canary(1, "challenger", 1.0), canary(2, "challenger", 0.0)]
    requests += [canary(3 + i, "champion", float(i < 2)) for i in range(8)]

    state, _ = settle(POLICY, requests)

    assert state.worse.n == 1
    assert state.worse.s == pytest.approx(1 / 2 - 3 / 9)
    assert state.waiting == Waiting(period=state.waiting.period), "nothing waits for another stretch"


@pytest.mark.parametrize(("percent", "group"), [(10, 9), (1, 99), (50, 1), (30, 2), (33, 2)])
def test_the_group_follows_the_canarys_share(percent: int, group: int) -> None:
    assert Policy(canary_percent=percent).group == group


def test_labels_of_different_periods_are_not_set_against_each_other() -> None:
    requests = [canary(0, "challenger", 1.0)]
    requests += [canary(24 * 60 + i, "champion", 0.0) for i in range(20)]

    state, _ = settle(POLICY, requests)

    assert (state.worse.n, state.waiting.unpaired) == (0, 1)


def test_the_next_phase_must_be_won_anew_and_harm_is_carried_over() -> None:
    shadowed, verdict = settle(POLICY, good(2_000))
    assert isinstance(verdict, Promote)
    at = START + timedelta(days=2)

    state = enter_phase(POLICY, shadowed, at)
    unmoved = advance(POLICY, state, good(2_000), LATER)

    assert isinstance(judge(POLICY, state, at), Wait)
    assert (state.better.wealth, state.better.n) == (1.0, 0)
    assert state.worse == shadowed.worse
    assert unmoved == state, "requests before the phase belong to the one before"


def test_one_entity_is_taken_by_its_first_prediction_whether_or_not_that_has_a_label() -> None:
    state, _ = settle(POLICY, [shadow(0, None, None, "e"), shadow(1, 0.0, 1.0, "e")])

    assert (state.better.n, state.coverage.champion) == (0, 0.0)


def test_a_policy_names_all_that_is_wrong_with_it() -> None:
    with pytest.raises(ValueError, match=r"margin must lie.*alpha must lie.*deadline must"):
        Policy(margin=2, alpha=0, deadline=timedelta(0))


def test_a_state_written_before_coverage_was_compared_again_is_read() -> None:
    state, _ = settle(POLICY, good(50))
    document = state_to_json(state)
    del document["even"], document["compare_at"]

    assert state_from_json(document) == state


def test_the_defaults_leave_time_for_labels_to_mature_in_both_phases() -> None:
    policy = policy_of(parse_spec(b"model: churn\ntarget: churned\n", model="churn"))
    hour, minutes = timedelta(hours=1), range(0, 14 * 24 * 60, 7)
    state, now = begin(policy, START), START
    requests = [shadow(i, 1.0, 0.0) for i in minutes]
    for phase in ("shadow", "canary"):
        while isinstance(verdict := judge(policy, state, now), Wait):
            now += hour
            state = advance(policy, state, requests, now)
        assert isinstance(verdict, Promote), phase
        first = (now - START) // MINUTE
        requests = [
            canary(first + i, *(("challenger", 0.0) if i % 10 == 0 else ("champion", 1.0))) for i in minutes
        ]
        state = enter_phase(policy, state, now)


def test_labels_in_runs_need_more_of_them_to_decide() -> None:
    rng = random.Random(3)
    losses = [(float(rng.random() < 0.2), 0.0) for _ in range(400)]
    fresh = [shadow(i, *pair) for i, pair in enumerate(losses)]
    runs = [shadow(i, *losses[i // 8]) for i in range(3_200)]

    one, other = settle(POLICY, fresh)[1], settle(POLICY, runs)[1]

    assert isinstance(one, Promote)
    assert isinstance(other, Promote)
    assert one.numbers.block == 1
    assert other.numbers.block >= 8
    assert other.numbers.labels >= 4 * one.numbers.labels


def test_blocks_that_past_losses_ask_for_go_on_in_the_next_phase_in_requests() -> None:
    state = begin(POLICY, START, Blocks(32), 5_000)
    canary_state = enter_phase(POLICY, state, START + timedelta(days=1), per_score=10)
    again = enter_phase(POLICY, canary_state, START + timedelta(days=2))

    assert [each.better.blocks.length for each in (state, canary_state, again)] == [32, 4, 40]
    assert again.start is not None
    assert again.start.past == 5_000
