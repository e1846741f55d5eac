"""Which blocks a series of losses asks for."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from benchmarks.promises import betting, streams
from functions.judge_rollout.dependence import LONGEST, blocks_for
from functions.judge_rollout.logic import add_score
from functions.judge_rollout.phases import begin
from functions.judge_rollout.policy import Policy
from functions.judge_rollout.wealth import SINGLE, Bet, Blocks, lengthen, update
from pipelines.serial_dependence import Series, series_of

RNG = np.random.default_rng(7)


@pytest.mark.parametrize(
    ("draw", "length", "long"),
    [
        (streams.independent, (1, 1), False),
        (streams.twice, (2, 4), False),
        (streams.markov(0.3), (2, 16), False),
        (streams.markov(0.8), (16, LONGEST), False),
        (streams.regimes, (LONGEST, LONGEST), True),
    ],
)
def test_blocks_are_as_long_as_losses_depend_on_each_other(
    draw: streams.Draw, length: tuple[int, int], long: bool
) -> None:
    losses = draw(np.random.default_rng(3), 6_000, 0.0).champion

    blocks = blocks_for(series_of(losses.tolist()))

    assert length[0] <= blocks.length <= length[1]
    assert blocks.long == long


def test_nothing_is_known_of_a_short_series_or_of_one_that_never_varies() -> None:
    assert blocks_for(Series()) == SINGLE
    assert blocks_for(series_of([1.0, 0.0, 1.0])) == SINGLE
    assert blocks_for(series_of([0.1] * 1_000)) == SINGLE


def test_a_bet_on_blocks_is_placed_when_one_is_full() -> None:
    bet = Bet(null=0.0, blocks=Blocks(4))
    for x in (1.0, 0.0, 1.0):
        bet = update(bet, x)
    assert (bet.n, bet.held, bet.held_n) == (0, 2.0, 3)

    bet = update(bet, 0.0)

    assert (bet.n, bet.s, bet.held, bet.held_n) == (1, 0.5, 0.0, 0)


def test_longer_blocks_give_up_what_was_won_and_shorter_ones_change_nothing() -> None:
    bet = Bet(null=0.0, wealth=7.0, s=3.0, v=1.0, n=9, blocks=Blocks(4))

    assert lengthen(bet, Blocks(2)) == bet
    assert lengthen(bet, Blocks(8)) == Bet(null=0.0, wealth=1.0, blocks=Blocks(8))
    assert lengthen(Bet(null=0.0, wealth=0.3), Blocks(8)).wealth == 0.3


@pytest.mark.parametrize(
    "draw", [streams.independent, streams.markov(0.8), streams.twice, streams.hidden_regimes]
)
@pytest.mark.parametrize("blocks", [SINGLE, Blocks(8), Blocks(LONGEST, long=True)])
def test_the_simulations_bet_on_blocks_exactly_as_the_judge_does(draw: streams.Draw, blocks: Blocks) -> None:
    policy = Policy()
    for seed in range(3):
        losses = draw(np.random.default_rng(seed), 1_500, -0.05)
        differences = losses.challenger - losses.champion
        state, taken = begin(policy, datetime(2026, 3, 1, tzinfo=UTC), blocks), 0
        for difference in differences.tolist():
            state, taken = add_score(policy, state, difference), taken + 1
            if state.crossed is not None:
                break

        verdict, scores, last = betting.judge(differences, blocks, policy)

        assert {None: 0, "better": 1, "worse": -1}[state.crossed] == verdict
        assert (taken, state.better.blocks) == (scores, last)


def test_a_series_is_the_same_in_one_go_and_step_by_step() -> None:
    values = RNG.random(333)
    steps, whole = series_of(values.tolist()), betting.series_of(values)

    for one, other in zip(steps.scales, whole.scales, strict=True):
        assert (one.n, one.waiting) == (other.n, pytest.approx(other.waiting))
        assert one.correlation == pytest.approx(other.correlation)
