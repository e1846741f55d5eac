"""The harm test: its arithmetic, its limits, and how long it runs with and without harm."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict
from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from benchmarks.promises.streams import markov
from benchmarks.simulations.harm import first_alarms
from functions.watch_performance.confidence_bounds import clopper_pearson
from functions.watch_performance.sequential_test import (
    LAMBDAS,
    THRESHOLD,
    SequentialTest,
    add_loss,
    in_blocks,
    restart,
)
from pipelines.serial_dependence import independent_length, series_of


def observe_all(state: SequentialTest, losses: Iterable[float], *, baseline: float) -> SequentialTest:
    """The state after several labels."""
    return reduce(lambda state, loss: add_loss(state, loss, baseline=baseline), losses, state)


def test_the_first_labels_by_hand() -> None:
    state = observe_all(SequentialTest(), [1.0, 0.0], baseline=0.1)

    # One error: 1 + λ·0.9. Then a success: (M + 1)(1 − λ·0.1).
    assert state.sums == pytest.approx((2.45 * 0.95, 2.9 * 0.9, 3.8 * 0.8, 5.6 * 0.6))
    assert (state.n, state.crossed) == (2, None)


@given(st.lists(st.floats(0, 1), max_size=200), st.floats(0, 1))
@settings(deadline=None, max_examples=100)
def test_the_sums_are_never_negative_whatever_the_baseline(losses: list[float], baseline: float) -> None:
    state = observe_all(SequentialTest(), losses, baseline=baseline)

    assert all(0 <= sum_ < math.inf for sum_ in state.sums)


def test_harm_without_end_overflows_nothing() -> None:
    state = observe_all(SequentialTest(), [1.0] * 3_000, baseline=0.01)

    assert math.isfinite(state.statistic)
    assert state.crossed is not None
    assert state.crossed < 10


@given(st.lists(st.floats(0, 1), max_size=60), st.integers(0, 60))
@settings(deadline=None, max_examples=50)
def test_a_state_written_down_and_read_continues_as_if_it_had_not_stopped(
    losses: list[float], cut: int
) -> None:
    half = observe_all(SequentialTest(), losses[:cut], baseline=0.2)
    resumed = TypeAdapter(SequentialTest).validate_python(json.loads(json.dumps(asdict(half))))

    assert observe_all(resumed, losses[cut:], baseline=0.2) == observe_all(
        SequentialTest(), losses, baseline=0.2
    )


def test_after_an_alarm_was_told_the_test_starts_anew() -> None:
    state = restart(observe_all(SequentialTest(), [1.0] * 50, baseline=0.1))

    assert (state.statistic, state.crossed, state.n) == (0.0, None, 50)


@pytest.mark.parametrize(("loss", "baseline"), [(1.1, 0.1), (-0.1, 0.1), (0.5, 1.1), (math.nan, 0.1)])
def test_what_is_no_loss_or_no_baseline_is_refused(loss: float, baseline: float) -> None:
    with pytest.raises(ValueError, match="must lie in"):
        add_loss(SequentialTest(), loss, baseline=baseline)


def test_the_simulation_sums_exactly_as_the_function_does() -> None:
    losses = (np.random.default_rng(3).random(500) < 0.3).astype(float)
    alarm = first_alarms(0.3, 0.1, streams=1, labels=500, threshold=THRESHOLD, seed=3)

    state, rng = SequentialTest(), np.random.default_rng(3)
    for _ in losses:
        state = add_loss(state, float(rng.random(1)[0] < 0.3), baseline=0.1)
    assert state.crossed == alarm[0]


def test_without_harm_the_average_run_is_at_least_the_threshold() -> None:
    # At a threshold of 500, runs are short enough to wait for: none is cut.
    alarms = first_alarms(0.1, 0.1, streams=400, labels=12_000, threshold=500.0, seed=1)

    assert alarms.mean() > 500.0
    assert np.mean(alarms <= 500) < 0.6


def test_at_the_threshold_of_5000_the_average_run_is_at_least_5000_labels() -> None:
    alarms = first_alarms(0.1, 0.1, streams=300, labels=12_000, threshold=THRESHOLD, seed=2)

    # Runs are cut at 12,000 labels, so this is a lower bound on their mean.
    assert alarms.mean() > 5_000.0


def test_a_doubled_error_is_noticed_within_some_hundred_labels() -> None:
    baseline = clopper_pearson(100, 1_000)
    alarms = first_alarms(0.2, baseline, streams=300, labels=5_000, threshold=THRESHOLD, seed=3)

    assert np.median(alarms) < 220
    assert np.quantile(alarms, 0.95) < 600


def run_length(rho: float, *, seed: int, most: int) -> int:
    """How many labels come before a false alarm, of losses whose neighbours are correlated by rho.

    A holdout of 1,000 rows shows it.
    """
    losses = markov(rho)(np.random.default_rng(seed), 1_000 + most, 0.0).champion.tolist()
    state = in_blocks(SequentialTest(), independent_length(series_of(losses[:1_000])))
    for loss in losses[1_000:]:
        state = add_loss(state, loss, baseline=0.117)
        if state.crossed is not None:
            return state.n
    return most


def test_losses_that_depend_on_those_before_are_taken_in_blocks() -> None:
    lengths = [run_length(0.5, seed=seed, most=6_000) for seed in range(12)]

    # Runs are cut at 6,000 labels; label by label they had a mean of some hundred.
    assert np.mean(lengths) > 4_500


def test_a_block_counts_as_its_labels_and_longer_ones_start_the_test_anew() -> None:
    state = in_blocks(observe_all(SequentialTest(), [1.0] * 5, baseline=0.1), 2)
    assert (state.sums, state.block, state.n) == ((0.0,) * 4, 4, 5)

    state = observe_all(state, [0.0, 0.0, 0.0], baseline=0.1)
    assert state.statistic == 0.0
    state = observe_all(state, [1.0], baseline=0.1)

    assert state.sums == pytest.approx([4 * (1 + each * (0.25 - 0.1)) for each in LAMBDAS])
    assert in_blocks(state, 2) == state
