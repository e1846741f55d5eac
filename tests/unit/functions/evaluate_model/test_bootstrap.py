"""The bootstrap's interval covers what it should, and its work is bounded."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from functions.evaluate_model.bootstrap import (
    LEAST_ROWS,
    MAX_ROWS,
    MOST_WIDENING,
    affordable,
    paired_interval,
    rankings,
    widening,
)
from pipelines.class_costs import class_costs
from pipelines.loss import mean_cost
from pipelines.metrics import METRICS


def noisy(rng: np.random.Generator, truth: NDArray[Any], noise: float) -> NDArray[np.float32]:
    score = 1 / (1 + np.exp(-(2 * truth - 1 + rng.normal(scale=noise, size=len(truth)))))
    return np.stack([1 - score, score], axis=1).astype(np.float32)


def test_the_same_seed_gives_the_same_interval_and_order_turns_it() -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, 500)
    good, bad = noisy(rng, truth, 1.0), noisy(rng, truth, 3.0)
    ask = {"resamples": 300, "seed": 7}
    first = paired_interval(METRICS["roc_auc"], truth, good, bad, **ask)
    assert first == paired_interval(METRICS["roc_auc"], truth, good, bad, **ask)
    assert first is not None
    assert 0 < first.low < first.high
    turned = paired_interval(METRICS["roc_auc"], truth, bad, good, **ask)
    assert turned is not None
    assert (turned.low, turned.high) == pytest.approx((-first.high, -first.low))
    loss = paired_interval(METRICS["log_loss"], truth, good, bad, **ask)
    assert loss is not None
    assert loss.low > 0  # a smaller loss is better too


def test_equal_models_differ_by_nothing() -> None:
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 2, 100)
    found = noisy(rng, truth, 2.0)
    interval = paired_interval(METRICS["accuracy"], truth, found, found, resamples=100, seed=0)
    assert interval is not None
    assert (interval.low, interval.high) == (0, 0)


def test_an_undefined_metric_has_no_interval() -> None:
    truth = np.zeros(50, dtype=np.int64)
    found = noisy(np.random.default_rng(3), truth, 1.0)
    assert paired_interval(METRICS["roc_auc"], truth, found, found, resamples=100, seed=0) is None


def test_the_interval_covers_the_true_difference_about_as_often_as_it_says() -> None:
    """Accuracy 0.80 against 0.75: of 200 samples of 300 rows, 90 to 99 % of the 95 % intervals cover 0.05."""
    covered = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        truth = np.zeros(300, dtype=np.int64)
        ours, theirs = ((rng.random((300, 1)) < share).astype(np.float32) for share in (0.80, 0.75))
        both = [np.hstack([right, 1 - right]) for right in (ours, theirs)]
        found = paired_interval(METRICS["accuracy"], truth, both[0], both[1], resamples=300, seed=seed)
        assert found is not None
        covered += found.low <= 0.05 <= found.high
    assert 180 <= covered <= 198


def test_a_large_holdout_is_sampled_and_a_50_000_row_one_takes_seconds() -> None:
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 2, 50_000)
    ours, theirs = noisy(rng, truth, 1.0), noisy(rng, truth, 1.1)
    started = time.perf_counter()
    found = paired_interval(METRICS["roc_auc"], truth, ours, theirs, resamples=100, seed=0)
    seconds = time.perf_counter() - started
    assert found is not None
    assert found.rows == 50_000
    assert seconds < 5  # 1,000 resamples: ten times this; about 0.4 s when nothing else runs
    many = rng.integers(0, 2, MAX_ROWS + 10)
    scores = noisy(rng, many, 1.0)
    sampled = paired_interval(METRICS["accuracy"], many, scores, scores, resamples=100, seed=0)
    assert sampled is not None
    assert sampled.rows == MAX_ROWS


@pytest.mark.parametrize(
    ("rows", "classes", "share", "drawn"),
    [
        (200_000, 1, 1.0, (200_000, 1000)),
        (1_000_000, 1, 1.0, (200_000, 1000)),
        (100_000, 4, 1.0, (100_000, 500)),  # fewer resamples
        (200_000, 20, 1.0, (50_000, 200)),  # and fewer rows
        (200_000, 1_000, 1.0, (LEAST_ROWS, 200)),
        (50_000, 1, 0.05, (50_000, 200)),  # a slice of a million rows
        (40, 20, 0.0001, (40, 200)),
    ],
)
def test_the_work_of_an_interval_is_bounded(
    rows: int, classes: int, share: float, drawn: tuple[int, int]
) -> None:
    assert affordable(rows, classes, 1000, share) == drawn
    assert drawn[0] * drawn[1] * classes <= max(MAX_ROWS * 1000 * share, LEAST_ROWS * 200 * classes)


def test_an_interval_of_many_classes_is_made_from_fewer_rows() -> None:
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 50, 20_000)
    ours, theirs = (rng.random((20_000, 50), dtype=np.float32) for _ in range(2))
    assert rankings(METRICS["roc_auc"], ours) == 50
    assert rankings(METRICS["roc_auc"], ours[:, :2]) == rankings(METRICS["f1"], ours) == 1
    found = paired_interval(METRICS["roc_auc"], truth, ours, theirs, resamples=100, seed=0, share=0.05)
    assert found is not None
    assert (found.rows, found.resamples) == (LEAST_ROWS, 100)
    assert found.low < 0 < found.high


def test_an_interval_is_wider_where_a_class_is_rare() -> None:
    truth = np.zeros(1_000, dtype=np.int64)
    wide = []
    for positives in (1, 2, 10, 100, 500):
        truth[:positives] = 1
        wide.append(widening(truth))

    assert wide == sorted(wide, reverse=True)
    assert wide[0] == MOST_WIDENING
    assert wide[2] == pytest.approx(2.262 / 1.960 * (10 / 9) ** 0.5, abs=0.002)
    assert wide[-1] == pytest.approx(1.0, abs=0.005)
    assert widening(np.linspace(0.0, 1.0, 1_000)) == pytest.approx(1.0, abs=0.005)


def test_ten_positives_that_both_get_right_do_not_show_that_both_always_would() -> None:
    truth = np.array([0] * 990 + [1] * 10)
    right = np.eye(2)[truth]
    costs = class_costs("balanced", (0, 1), np.array([990, 10]))
    assert costs is not None

    plain = paired_interval(mean_cost(costs), truth, right, right, resamples=100, seed=1)
    found = paired_interval(mean_cost(costs), truth, right, right, resamples=100, seed=1, costs=costs)

    assert plain is not None
    assert found is not None
    assert (plain.low, plain.high) == (0.0, 0.0)
    assert -0.3 < found.low < -0.2
    assert found.high == pytest.approx(-found.low)
