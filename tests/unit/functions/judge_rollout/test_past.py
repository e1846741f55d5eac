"""What losses of before a rollout show of how labels depend on each other."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.promises import streams
from functions.judge_rollout.past import blocks_of_past, centred, without_change
from functions.judge_rollout.wealth import SINGLE


def test_that_one_version_is_better_than_another_is_no_dependence() -> None:
    assert centred([(1, 1.0), (2, 0.0), (1, 0.0), (2, 0.5)]) == [0.5, -0.25, -0.5, 0.25]


@pytest.mark.parametrize("after", [0.3, 1.0])
@pytest.mark.parametrize("place", [20, 700, 1_480])
def test_that_the_world_changed_once_is_no_dependence(after: float, place: int) -> None:
    rng = np.random.default_rng(4)
    losses = (rng.random(1_500) < np.where(np.arange(1_500) < place, 0.1, after)).astype(float).tolist()

    assert blocks_of_past(losses) == SINGLE


def test_regimes_that_take_turns_and_labels_in_runs_are() -> None:
    rng = np.random.default_rng(1)
    assert blocks_of_past(streams.regimes(rng, 5_000, 0.0).champion.tolist()).long
    assert blocks_of_past(streams.markov(0.8)(rng, 5_000, 0.0).champion.tolist()).length >= 16


def test_a_short_past_shows_nothing() -> None:
    assert without_change([]) == []
    assert without_change([1.0]) == [1.0]
    assert blocks_of_past([0.0, 1.0]) == SINGLE
