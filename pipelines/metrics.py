"""How good predictions are: every metric as a function of numpy arrays, with its direction.

Written on numpy alone: the gate computes each a thousand times and should not load scikit-learn for it;
tests hold every metric and scikit-learn's to the same values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Truth = NDArray[Any]
Prediction = NDArray[np.floating[Any]]
Task = Literal["classification", "regression"]
_EPSILON = 1e-15


@dataclass(frozen=True)
class Metric:
    """A measure of predictions against the truth.

    `compute` takes class indices [N] and probabilities [N, classes]; for regression, numbers [N] and [N].
    It returns NaN where the measure is undefined, such as the area under the curve of one class.
    """

    name: str
    task: Task
    greater_is_better: bool
    compute: Callable[[Truth, Prediction], float]

    def score(self, value: float) -> float:
        """Return the value so that more is better."""
        return value if self.greater_is_better else -value


def accuracy(truth: Truth, probabilities: Prediction) -> float:
    """Return the share of rows whose most probable class is the true one."""
    return float(np.mean(probabilities.argmax(axis=1) == truth)) if len(truth) else float("nan")


def confusion(truth: Truth, probabilities: Prediction) -> NDArray[np.int64]:
    """Count rows by true and predicted class, [classes, classes]."""
    classes = probabilities.shape[1]
    pairs = truth.astype(np.int64) * classes + probabilities.argmax(axis=1)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def balanced_accuracy(truth: Truth, probabilities: Prediction) -> float:
    """Return the mean recall of the classes present."""
    matrix = confusion(truth, probabilities)
    support = matrix.sum(axis=1)
    present = support > 0
    return float(np.mean(np.diag(matrix)[present] / support[present])) if present.any() else float("nan")


def class_scores(truth: Truth, probabilities: Prediction) -> NDArray[np.float64]:
    """Return precision, recall, F1 and support of each class, [classes, 4]; 0 where undefined."""
    matrix = confusion(truth, probabilities)
    hits, predicted, support = np.diag(matrix), matrix.sum(axis=0), matrix.sum(axis=1)
    precision = hits / np.maximum(predicted, 1)
    recall = hits / np.maximum(support, 1)
    f1 = 2 * hits / np.maximum(predicted + support, 1)
    return np.stack([precision, recall, f1, support], axis=1)


def f1(truth: Truth, probabilities: Prediction) -> float:
    """Return F1 of the second class when there are two, else the mean over the classes seen or predicted."""
    scores = class_scores(truth, probabilities)
    if probabilities.shape[1] == 2:
        return float(scores[1, 2])
    used = confusion(truth, probabilities)
    seen = (used.sum(axis=0) + used.sum(axis=1)) > 0
    return float(scores[seen, 2].mean()) if seen.any() else float("nan")


def log_loss(truth: Truth, probabilities: Prediction) -> float:
    """Return the mean negative log probability of the true class."""
    if not len(truth):
        return float("nan")
    exact = probabilities.astype(np.float64)
    exact = np.clip(exact / exact.sum(axis=1, keepdims=True), _EPSILON, 1.0)
    return float(-np.log(exact[np.arange(len(truth)), truth.astype(np.int64)]).mean())


def roc_auc(truth: Truth, probabilities: Prediction) -> float:
    """Return the area under the ROC curve; with more than two classes, the mean of each against the rest."""
    return _per_class(truth, probabilities, _binary_roc_auc)


def average_precision(truth: Truth, probabilities: Prediction) -> float:
    """Return the average precision of the second class; with more than two, the mean over those present."""
    return _per_class(truth, probabilities, _binary_average_precision)


def _per_class(
    truth: Truth,
    probabilities: Prediction,
    binary: Callable[[NDArray[np.bool_], Prediction], float],
) -> float:
    classes = probabilities.shape[1]
    wanted = [1] if classes == 2 else list(range(classes))
    values = [binary(truth == index, probabilities[:, index]) for index in wanted]
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")


def _binary_roc_auc(positive: NDArray[np.bool_], scores: Prediction) -> float:
    """Mann-Whitney: the share of (positive, negative) pairs in the right order, ties half."""
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if not positives or not negatives:
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[positive].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def _binary_average_precision(positive: NDArray[np.bool_], scores: Prediction) -> float:
    """Sum of precision times the gain in recall, at each distinct score."""
    positives = int(positive.sum())
    if not positives:
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(positive[order])
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    found = hits[last]
    gains = np.diff(found, prepend=0) / positives
    return float(np.sum(gains * found / (last + 1)))


def rmse(truth: Truth, values: Prediction) -> float:
    """Return the root of the mean squared error."""
    return float(np.sqrt(np.mean((truth - values.astype(np.float64)) ** 2))) if len(truth) else float("nan")


def mae(truth: Truth, values: Prediction) -> float:
    """Return the mean absolute error."""
    return float(np.mean(np.abs(truth - values.astype(np.float64)))) if len(truth) else float("nan")


def r2(truth: Truth, values: Prediction) -> float:
    """Return the share of the target's variance that is explained; NaN when the target does not vary."""
    spread = float(np.sum((truth - truth.mean()) ** 2)) if len(truth) else 0.0
    if spread == 0.0 or np.all(truth == truth[0]):  # the mean of equal numbers may be another one
        return float("nan")
    return float(1 - np.sum((truth - values.astype(np.float64)) ** 2) / spread)


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
