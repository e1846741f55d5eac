"""The bets, by hand and by property, and the errors they promise."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.simulations import rollouts
from benchmarks.simulations.betting import run
from functions.judge_rollout.logic import add_score
from functions.judge_rollout.phases import start_phase
from functions.judge_rollout.policy import Policy
from functions.judge_rollout.state import PhaseStart
from functions.judge_rollout.wealth import Bet, stake, update

START = datetime(2026, 3, 1, tzinfo=UTC)
DIFFERENCES = st.lists(st.floats(-1, 1), max_size=300)


def test_the_first_stake_is_zero_and_the_second_follows_the_first_observation() -> None:
    bet = update(Bet(null=0.0), 1.0)

    assert stake(Bet(null=0.0)) == 0.0
    assert bet == Bet(null=0.0, wealth=1.0, s=1.0, v=1.0, n=1)
    assert stake(bet) == 0.5  # 0.5 / (1.25 / 2 + 0.25) = 0.571, cut at one half
    assert update(bet, 1.0).wealth == 1.5


@given(DIFFERENCES, st.floats(-1, 0))
@settings(deadline=None, max_examples=100)
def test_wealth_is_never_negative_and_always_finite(differences: list[float], null: float) -> None:
    bet = Bet(null=null)
    for x in differences:
        bet = update(bet, x)
        assert 0.0 < bet.wealth < math.inf


def test_wealth_stays_finite_through_any_run_of_evidence() -> None:
    bet = Bet(null=0.0)
    for _ in range(5_000):
        bet = update(bet, 1.0)
    assert math.isfinite(bet.wealth)


@pytest.mark.parametrize("x", [1.5, -1.01, math.nan])
def test_what_is_no_difference_of_losses_is_refused(x: float) -> None:
    with pytest.raises(ValueError, match=r"must lie in \[-1, 1\]"):
        update(Bet(null=0.0), x)


def test_the_simulations_bet_exactly_as_the_judge_does_where_it_looks_for_no_dependence() -> None:
    differences = rollouts.paired(0.08, (20, 700), np.random.default_rng(5))
    ends = run(differences)
    policy = Policy()

    for row, verdict, scores in zip(differences, ends.verdict, ends.scores, strict=True):
        state = start_phase(policy, PhaseStart(START, START, Bet(null=0.0), blocks=None))
        for x in row.tolist():
            state = add_score(policy, state, x)
        assert {None: 0, "better": 1, "worse": -1}[state.crossed] == verdict
        assert state.better.n == scores


class TestSimulated:
    """Rates over many rollouts, seeded; a tolerance is about three standard errors."""

    def test_a_challenger_worse_by_the_margin_is_promoted_at_most_alpha_often(self) -> None:
        shadow = rollouts.shadow(rollouts.BOUNDARY, rollouts=1_500, labels=2_500, seed=1)
        canary = rollouts.canary(rollouts.BOUNDARY, rollouts=1_500, labels=2_500, seed=2)

        assert shadow.share(1) == pytest.approx(0.029, abs=0.014)
        assert canary.share(1) == pytest.approx(0.037, abs=0.015)
        assert max(shadow.share(1), canary.share(1)) <= 0.05

    def test_equal_models_are_rolled_back_at_most_alpha_often(self) -> None:
        for simulate in (rollouts.shadow, rollouts.canary):
            assert simulate(rollouts.EQUAL, rollouts=1_500, labels=2_500, seed=3).share(-1) <= 0.05

    def test_a_better_challenger_is_promoted_after_about_419_labels_in_shadow_and_714_in_canary(self) -> None:
        shadow = rollouts.shadow(rollouts.BETTER, rollouts=800, labels=4_000, seed=4)
        canary = rollouts.canary(rollouts.BETTER, rollouts=800, labels=4_000, seed=5)

        assert min(shadow.share(1), canary.share(1)) > 0.97
        assert shadow.median(1) == pytest.approx(419, rel=0.12)
        assert canary.median(1) == pytest.approx(714, rel=0.12)

    def test_labels_that_come_five_times_break_the_promise_and_one_label_per_entity_repairs_it(self) -> None:
        assert rollouts.repeated(5, rollouts=800, labels=5_000, seed=6).share(1) > 0.3
        assert rollouts.repeated(1, rollouts=800, labels=1_000, seed=6).share(1) <= 0.05

    def test_a_challenger_whose_errors_lack_labels_is_caught_by_coverage(self) -> None:
        ends, promoted = rollouts.unlabelled_errors(0.8, rollouts=800, labels=4_000, seed=7)

        assert ends.share(1) > 0.75
        assert promoted[-1].mean() <= 0.05

    def test_a_better_challenger_with_labels_for_nine_in_ten_is_promoted_once_chance_gaps_have_faded(
        self,
    ) -> None:
        _, promoted = rollouts.evenly_unlabelled(0.9, rollouts=800, labels=4_000, seed=8)

        assert promoted[0].mean() < 0.5
        assert promoted[-1].mean() > 0.75
