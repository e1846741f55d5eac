"""The bets on probation: what is taken back, what stays, and how often that is wrong."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.simulations import rollouts
from benchmarks.simulations.betting import run
from functions.judge_rollout.logic import Inputs, add_score, advance, decide, judge
from functions.judge_rollout.pairing import Matured
from functions.judge_rollout.phases import begin
from functions.judge_rollout.policy import Policy
from functions.judge_rollout.state import state_from_json, state_to_json
from functions.judge_rollout.verdict import Inconclusive, Promote, RollBack, Wait
from functions.judge_rollout.wealth import Blocks

START = datetime(2026, 3, 1, tzinfo=UTC)
POLICY = Policy(label_window=timedelta(hours=1))
LATER = START + timedelta(days=30)


def shadowed(losses: list[tuple[float | None, float | None]]) -> list[Matured]:
    """Requests with the loss of the champion, which watches, and of the challenger, which serves."""
    return [
        Matured(f"p{i:05}", START + timedelta(minutes=i), None, {"champion": old, "challenger": new})
        for i, (old, new) in enumerate(losses)
    ]


def test_one_that_is_as_good_is_never_taken_back_for_that_alone() -> None:
    state = begin(POLICY, START, probation=True)
    assert (state.worse.null, state.better.null) == (POLICY.margin, -POLICY.margin)
    assert begin(POLICY, START).worse.null == 0.0


def test_at_the_deadline_it_stays_with_the_reason() -> None:
    state = begin(POLICY, START, probation=True)
    assert isinstance(judge(POLICY, state, START), Wait)
    verdict = judge(POLICY, state, LATER)
    assert isinstance(verdict, Promote)
    assert verdict.reason == "deadline"


def test_missing_unequally_all_the_time_it_stays_with_the_reason() -> None:
    losses = [(float(i % 2), None if i % 5 == 0 else 0.0) for i in range(2_000)]
    state = advance(POLICY, begin(POLICY, START, probation=True), shadowed(losses), LATER)
    verdict = judge(POLICY, state, LATER)
    assert isinstance(verdict, Promote)
    assert verdict.reason == "coverage"


def test_where_labels_hang_on_what_was_answered_it_stays_with_the_reason() -> None:
    requests = shadowed([(1.0, 0.0) if i % 5 == 0 else (0.0, 0.0) for i in range(2_000)])
    told = [
        replace(
            each,
            losses=each.losses if i % 5 or i % 10 else {"champion": None, "challenger": None},
            answers={"champion": "no" if i % 5 == 0 else "yes", "challenger": "yes"},
        )
        for i, each in enumerate(requests)
    ]
    state = advance(POLICY, begin(POLICY, START, probation=True), told, LATER)
    verdict = judge(POLICY, state, LATER)
    assert isinstance(verdict, Promote)
    assert verdict.reason == "labels"
    assert isinstance(judge(POLICY, advance(POLICY, begin(POLICY, START), told, LATER), LATER), Inconclusive)


def test_both_bets_are_on_blocks_where_losses_of_before_ask_for_them() -> None:
    state = begin(POLICY, START, Blocks(8), 500, probation=True)
    assert (state.worse.blocks, state.better.blocks) == (Blocks(8), Blocks(8))
    assert (state.worse.null, state.better.null) == (POLICY.margin, -POLICY.margin)
    rng = np.random.default_rng(3)
    for x in rng.integers(0, 2, 200).astype(float).tolist():
        state = add_score(POLICY, state, x)
    assert state.crossed == "worse"
    assert state.worse.n == state.scores // 8


def test_the_state_survives_being_written_down() -> None:
    state = advance(POLICY, begin(POLICY, START, probation=True), shadowed([(0.0, 1.0)] * 5), LATER)
    assert state_from_json(state_to_json(state)) == state
    assert state.on_probation


losses = st.lists(st.tuples(*[st.none() | st.floats(0, 1)] * 2), max_size=60)


@given(losses, st.lists(st.integers(0, 60), max_size=4), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_same_requests_in_any_number_of_calls_and_any_order_give_the_same(
    pairs: list[tuple[float | None, float | None]], cuts: list[int], rng: random.Random
) -> None:
    requests = shadowed(pairs)
    whole = decide(POLICY, Inputs(begin(POLICY, START, probation=True), LATER, tuple(requests)))
    state = begin(POLICY, START, probation=True)
    for cut in sorted(cuts):
        taken = requests[:cut]
        rng.shuffle(taken)
        state = advance(POLICY, state, taken, LATER)
    assert decide(POLICY, Inputs(state, LATER, tuple(requests))) == whole


@given(st.lists(st.floats(-1, 1), max_size=200))
@settings(max_examples=60, deadline=None)
def test_only_one_side_ever_wins_and_nothing_changes_after(differences: list[float]) -> None:
    state = begin(POLICY, START, probation=True)
    for each in differences:
        before, state = state, add_score(POLICY, state, each)
        if before.crossed is not None:
            assert state == before


@pytest.mark.parametrize(
    ("challenger", "verdict"), [(rollouts.BOUNDARY, -1), (rollouts.EQUAL, -1), (rollouts.BOUNDARY, 1)]
)
def test_with_independent_labels_it_is_wrong_in_at_most_alpha(challenger: float, verdict: int) -> None:
    """Worse by exactly the margin: neither taken back nor confirmed; equal: not taken back."""
    runs = 1_000
    differences = rollouts.paired(challenger, (runs, 1_500), np.random.default_rng(7))
    share = run(differences, probation=True).share(verdict)
    assert share <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5, "alpha, and three standard errors"


def test_the_simulation_bets_exactly_as_the_judge_does() -> None:
    differences = rollouts.paired(rollouts.WORSE, (10, 500), np.random.default_rng(5))
    ends = run(differences, probation=True)

    for row, verdict in zip(differences, ends.verdict, strict=True):
        state = begin(POLICY, START, probation=True)
        for each in row:
            state = add_score(POLICY, state, float(each))
        assert {None: 0, "worse": -1, "better": 1}[state.crossed] == verdict


def test_what_is_much_worse_is_taken_back_and_what_is_much_better_confirmed_soon() -> None:
    for loss, expected in (((0.0, 1.0), RollBack), ((1.0, 0.0), Promote)):
        state = advance(POLICY, begin(POLICY, START, probation=True), shadowed([loss] * 120), LATER)
        assert isinstance(judge(POLICY, state, START), expected)
