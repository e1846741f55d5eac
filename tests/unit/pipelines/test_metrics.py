"""Every metric against scikit-learn's, where it is undefined, and that weights count as repeated rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipelines.metrics import METRICS, Metric, class_scores, default_metric, measure

EXPECTED = {
    "accuracy": lambda y, p: reference.accuracy_score(y, p.argmax(axis=1)),
    "balanced_accuracy": lambda y, p: reference.balanced_accuracy_score(y, p.argmax(axis=1)),
    "log_loss": lambda y, p: reference.log_loss(y, p, labels=range(p.shape[1])),
    "f1": lambda y, p: reference.f1_score(
        y, p.argmax(axis=1), average="binary" if p.shape[1] == 2 else "macro", zero_division=0
    ),
    "roc_auc": lambda y, p: (
        reference.roc_auc_score(y, p[:, 1])
        if p.shape[1] == 2
        else np.mean([reference.roc_auc_score(y == k, p[:, k]) for k in range(p.shape[1])])
    ),
    "average_precision": lambda y, p: (
        reference.average_precision_score(y, p[:, 1])
        if p.shape[1] == 2
        else np.mean([reference.average_precision_score(y == k, p[:, k]) for k in range(p.shape[1])])
    ),
    "rmse": reference.root_mean_squared_error,
    "mae": reference.mean_absolute_error,
    "r2": reference.r2_score,
}


def draw(seed: int, rows: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = np.concatenate([np.arange(classes), rng.integers(0, classes, rows)])
    raw = rng.integers(1, 6, (len(truth), classes)).astype(np.float64)  # few values, so that there are ties
    return truth, raw / raw.sum(axis=1, keepdims=True)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(10, 60), st.integers(2, 4))
@pytest.mark.parametrize("name", [m.name for m in METRICS.values() if m.task == "classification"])
def test_a_classification_metric_is_scikit_learns(name: str, seed: int, rows: int, classes: int) -> None:
    truth, probabilities = draw(seed, rows, classes)
    found = METRICS[name].compute(truth, probabilities)
    assert found == pytest.approx(EXPECTED[name](truth, probabilities), abs=1e-9)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(2, 60))
@pytest.mark.parametrize("name", [m.name for m in METRICS.values() if m.task == "regression"])
def test_a_regression_metric_is_scikit_learns(name: str, seed: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    truth, values = rng.normal(size=rows), rng.normal(size=rows)
    assert METRICS[name].compute(truth, values) == pytest.approx(EXPECTED[name](truth, values), abs=1e-9)


def test_better_is_always_a_greater_score() -> None:
    truth, wrong = np.array([0, 1, 0, 1]), np.array([[0.2, 0.8], [0.7, 0.3], [0.4, 0.6], [0.9, 0.1]])
    values = np.array([1.0, 2.0, 3.0, 4.0])
    for metric in METRICS.values():
        if metric.task == "classification":
            good, bad = metric.compute(truth, wrong[:, ::-1]), metric.compute(truth, wrong)
        else:
            good, bad = metric.compute(values, values + 0.1), metric.compute(values, -values)
        assert metric.score(good) > metric.score(bad), metric.name


def test_what_is_undefined_is_nan_and_left_out_of_the_measurements() -> None:
    one_class = np.zeros(5, dtype=np.int64)
    probabilities = np.tile([0.6, 0.4], (5, 1))
    assert np.isnan(METRICS["roc_auc"].compute(one_class, probabilities))
    measured = measure("classification", one_class, probabilities)
    assert "roc_auc" not in measured
    assert "average_precision" not in measured
    assert measured["accuracy"] == 1.0
    assert measure("classification", one_class[:0], probabilities[:0]).keys() <= {"f1"}
    assert measure("regression", np.ones(3), np.ones(3)).keys() == {"rmse", "mae"}


def test_a_certain_and_wrong_prediction_costs_much_but_not_infinitely() -> None:
    assert 30 < METRICS["log_loss"].compute(np.array([1]), np.array([[1.0, 0.0]])) < 40


def test_scores_per_class_are_scikit_learns() -> None:
    truth, probabilities = draw(3, 40, 3)
    expected = reference.precision_recall_fscore_support(truth, probabilities.argmax(axis=1), zero_division=0)
    assert np.allclose(class_scores(truth, probabilities).T, expected)


def test_the_default_metric_follows_the_task() -> None:
    assert default_metric("classification", 2) == "roc_auc"
    assert default_metric("classification", 5) == "balanced_accuracy"
    assert default_metric("regression", None) == "rmse"


def sample(
    metric: Metric, seed: int, rows: int, classes: int, ties: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    rng = np.random.default_rng(seed)
    if metric.task == "regression":
        truth = rng.normal(size=rows)
        return truth, (truth + rng.normal(size=rows)).astype(np.float32)
    truth = rng.integers(0, classes, rows)
    raw = np.round(rng.random((rows, classes)) * ties) + 0.5
    return truth, (raw / raw.sum(axis=1, keepdims=True)).astype(np.float32)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(2, 60),
    classes=st.integers(2, 4),
    ties=st.sampled_from([2, 1000]),
)
@pytest.mark.parametrize("name", sorted(METRICS))
def test_weights_count_as_repeated_rows(name: str, seed: int, rows: int, classes: int, ties: int) -> None:
    metric = METRICS[name]
    truth, found = sample(metric, seed, rows, classes, ties)
    drawn = np.random.default_rng(seed).integers(0, rows, rows)
    counts = np.bincount(drawn, minlength=rows).astype(np.float64)
    expected = metric.compute(truth[drawn], found[drawn])
    assert metric.weighted(truth, found)(counts) == pytest.approx(expected, rel=1e-6, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("value", [0.4863814040322208, -1.0222571452878098, 0.1])
def test_r2_of_one_row_drawn_thrice_is_undefined(value: float) -> None:
    truth, found = np.array([value, 3.0]), np.array([0.5, 2.0], dtype=np.float32)
    assert np.isnan(METRICS["r2"].weighted(truth, found)(np.array([3.0, 0.0])))
