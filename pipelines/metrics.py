"""How good predictions are: every metric as a function of numpy arrays, with its direction.

Each is a function of how often every row counts: for the counts of a bootstrap's resample it gives what it
would for the resampled rows, and sorts only once. Written on numpy alone: the gate computes each a thousand
times and should not load scikit-learn for it; tests hold every metric and scikit-learn's to the same values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Truth = NDArray[Any]
Prediction = NDArray[np.floating[Any]]
Task = Literal["classification", "regression"]
Statistic = Callable[[Floats], float]
"""A metric of given rows, as a function of how often each counts, [N]; NaN where it is undefined."""
_EPSILON = 1e-15


@dataclass(frozen=True)
class Metric:
    """A measure of predictions against the truth.

    `weighted` takes class indices [N] and probabilities [N, classes]; for regression, numbers [N] and [N].
    """

    name: str
    task: Task
    greater_is_better: bool
    weighted: Callable[[Truth, Prediction], Statistic]

    def compute(self, truth: Truth, prediction: Prediction) -> float:
        """Return the measure; NaN where it is undefined, such as the area under the curve of one class."""
        return self.weighted(truth, prediction)(np.ones(len(truth))) if len(truth) else float("nan")

    def score(self, value: float) -> float:
        """Return the value so that more is better."""
        return value if self.greater_is_better else -value


def _mean_of(values: Floats) -> Statistic:
    return lambda weights: float(weights @ values / weights.sum())


def accuracy(truth: Truth, probabilities: Prediction) -> Statistic:
    """Measure the share of rows whose most probable class is the true one."""
    return _mean_of((probabilities.argmax(axis=1) == truth).astype(np.float64))


def log_loss(truth: Truth, probabilities: Prediction) -> Statistic:
    """Measure the mean negative log probability of the true class."""
    exact = probabilities.astype(np.float64)
    exact = np.clip(exact / exact.sum(axis=1, keepdims=True), _EPSILON, 1.0)
    return _mean_of(-np.log(exact[np.arange(len(truth)), truth.astype(np.int64)]))


def mae(truth: Truth, values: Prediction) -> Statistic:
    """Measure the mean absolute error."""
    return _mean_of(np.abs(truth - values.astype(np.float64)))


def rmse(truth: Truth, values: Prediction) -> Statistic:
    """Measure the root of the mean squared error."""
    mean = _mean_of((truth - values.astype(np.float64)) ** 2)
    return lambda weights: float(np.sqrt(mean(weights)))


def r2(truth: Truth, values: Prediction) -> Statistic:
    """Measure the share of the target's variance that is explained; NaN when the target does not vary."""
    target = truth.astype(np.float64)
    errors = (target - values.astype(np.float64)) ** 2
    centred = target - target.mean()  # a shift changes no spread, and keeps digits

    def compute(weights: Floats) -> float:
        # Of equal values the mean is off by a rounding, and the spread is then not 0.
        if not np.any((target != target[weights.argmax()]) & (weights > 0)):
            return float("nan")
        mean = weights @ centred / weights.sum()
        spread = weights @ (centred - mean) ** 2
        return float(1 - weights @ errors / spread) if spread > 0 else float("nan")

    return compute


def _by_class(truth: Truth, probabilities: Prediction) -> Callable[[Floats], tuple[Floats, Floats, Floats]]:
    """Return a function of the weights: how many of each class were found, there are, and were predicted."""
    classes = probabilities.shape[1]
    actual, predicted = truth.astype(np.int64), probabilities.argmax(axis=1)
    right = (actual == predicted).astype(np.float64)

    def count(codes: NDArray[np.int64], weights: Floats) -> Floats:
        return np.bincount(codes, weights=weights, minlength=classes).astype(np.float64)

    return lambda weights: (count(actual, weights * right), count(actual, weights), count(predicted, weights))


def balanced_accuracy(truth: Truth, probabilities: Prediction) -> Statistic:
    """Measure the mean recall of the classes present."""
    by_class = _by_class(truth, probabilities)

    def compute(weights: Floats) -> float:
        found, support, _ = by_class(weights)
        present = support > 0
        return float(np.mean(found[present] / support[present]))

    return compute


def f1(truth: Truth, probabilities: Prediction) -> Statistic:
    """Measure F1 of the second class of two; of more, the mean over the classes seen or predicted."""
    by_class = _by_class(truth, probabilities)

    def compute(weights: Floats) -> float:
        found, support, predicted = by_class(weights)
        used = support + predicted
        scores = 2 * found / np.maximum(used, 1)
        return float(scores[1]) if len(scores) == 2 else float(scores[used > 0].mean())

    return compute


def roc_auc(truth: Truth, probabilities: Prediction) -> Statistic:
    """Measure the area under the ROC curve; with more than two classes, the mean of each against the rest."""
    return _per_class(truth, probabilities, _binary_roc_auc)


def average_precision(truth: Truth, probabilities: Prediction) -> Statistic:
    """Measure the average precision of the second class; with more than two, the mean over those present."""
    return _per_class(truth, probabilities, _binary_average_precision)


def _per_class(
    truth: Truth,
    probabilities: Prediction,
    binary: Callable[[NDArray[np.bool_], Prediction], Statistic],
) -> Statistic:
    classes = probabilities.shape[1]
    wanted = [1] if classes == 2 else list(range(classes))
    parts = [binary(truth == index, probabilities[:, index]) for index in wanted]

    def compute(weights: Floats) -> float:
        values = [value for part in parts if np.isfinite(value := part(weights))]
        return float(np.mean(values)) if values else float("nan")

    return compute


def _binary_roc_auc(positive: NDArray[np.bool_], scores: Prediction) -> Statistic:
    """Mann-Whitney: the share of (positive, negative) pairs in the right order, ties half."""
    order = np.argsort(scores, kind="stable")
    starts = _group_starts(scores[order])
    ours = positive[order].astype(np.float64)

    def compute(weights: Floats) -> float:
        counts = weights[order]
        hits = np.add.reduceat(counts * ours, starts)
        misses = np.add.reduceat(counts, starts) - hits
        below = np.cumsum(misses) - misses / 2
        pairs = hits.sum() * misses.sum()
        return float(hits @ below / pairs) if pairs > 0 else float("nan")

    return compute


def _binary_average_precision(positive: NDArray[np.bool_], scores: Prediction) -> Statistic:
    """Sum of precision times the gain in recall, at each distinct score."""
    order = np.argsort(-scores, kind="stable")
    starts = _group_starts(scores[order])
    ours = positive[order].astype(np.float64)

    def compute(weights: Floats) -> float:
        counts = weights[order]
        hits = np.add.reduceat(counts * ours, starts)
        drawn = np.cumsum(np.add.reduceat(counts, starts))
        total = hits.sum()
        if total <= 0:
            return float("nan")
        return float(hits @ (np.cumsum(hits) / np.maximum(drawn, 1)) / total)

    return compute


def _group_starts(ordered: NDArray[Any]) -> NDArray[np.int64]:
    """Return where each run of equal scores begins, [groups]."""
    return np.concatenate([[0], np.flatnonzero(np.diff(ordered)) + 1]).astype(np.int64)


def class_scores(truth: Truth, probabilities: Prediction) -> Floats:
    """Return precision, recall, F1 and support of each class, [classes, 4]; 0 where undefined."""
    hits, support, predicted = _by_class(truth, probabilities)(np.ones(len(truth)))
    precision, recall = hits / np.maximum(predicted, 1), hits / np.maximum(support, 1)
    return np.stack([precision, recall, 2 * hits / np.maximum(predicted + support, 1), support], axis=1)


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric("roc_auc", "classification", True, roc_auc),
            Metric("average_precision", "classification", True, average_precision),
            Metric("log_loss", "classification", False, log_loss),
            Metric("accuracy", "classification", True, accuracy),
            Metric("balanced_accuracy", "classification", True, balanced_accuracy),
            Metric("f1", "classification", True, f1),
            Metric("rmse", "regression", False, rmse),
            Metric("mae", "regression", False, mae),
            Metric("r2", "regression", True, r2),
        )
    }
)


def default_metric(task: Task, classes: int | None) -> str:
    """Name the metric used when the spec names none."""
    if task == "regression":
        return "rmse"
    return "roc_auc" if classes == 2 else "balanced_accuracy"


def measure(task: Task, truth: Truth, prediction: Prediction) -> dict[str, float]:
    """Compute every metric of a task; those undefined on these rows are left out."""
    values = {m.name: m.compute(truth, prediction) for m in METRICS.values() if m.task == task}
    return {name: value for name, value in values.items() if np.isfinite(value)}
