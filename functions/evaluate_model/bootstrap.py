"""The paired bootstrap of a metric's difference, fast: rows are drawn as weights, and sorted only once.

Each weighted metric gives, for the counts of a resample, exactly what `pipelines.metrics` gives for the
resampled rows; tests hold the two together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.metrics import METRICS, Metric

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], float]
LEVEL = 0.95
MAX_ROWS = 200_000
_EPSILON = 1e-15


@dataclass(frozen=True)
class Interval:
    """Where the difference lies, at the confidence `LEVEL`; `rows` were resampled."""

    low: float
    high: float
    rows: int


def paired_interval(
    metric: Metric,
    truth: NDArray[Any],
    challenger: NDArray[Any],
    champion: NDArray[Any],
    *,
    resamples: int,
    seed: int,
) -> Interval | None:
    """Return the percentile interval of score(challenger) - score(champion) over resampled rows.

    Args:
        metric: its sign is turned so that more is better.
        truth: class indices [N], or numbers [N].
        challenger: probabilities [N, classes], or numbers [N].
        champion: the same of the champion, row by row.
        resamples: how many.
        seed: the same seed gives the same interval.

    Returns:
        None when the metric is undefined on most resamples. Beyond `MAX_ROWS` rows a sample of them is used.
    """
    rng = np.random.default_rng(seed)
    if len(truth) > MAX_ROWS:
        chosen = rng.choice(len(truth), MAX_ROWS, replace=False)
        truth, challenger, champion = truth[chosen], challenger[chosen], champion[chosen]
    ours, theirs = weighted(metric, truth, challenger), weighted(metric, truth, champion)
    rows = len(truth)
    differences = np.empty(resamples)
    for index in range(resamples):
        counts = np.bincount(rng.integers(0, rows, rows), minlength=rows).astype(np.float64)
        differences[index] = metric.score(ours(counts)) - metric.score(theirs(counts))
    known = differences[np.isfinite(differences)]
    if len(known) * 2 < resamples:
        return None
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high), rows)


def weighted(metric: Metric, truth: NDArray[Any], prediction: NDArray[Any]) -> Statistic:
    """Return the metric as a function of how often each row counts, [N]."""
    return _WEIGHTED[metric.name](truth, prediction)


def _mean_of(values: Floats) -> Statistic:
    return lambda weights: float(weights @ values / weights.sum())


def _accuracy(truth: NDArray[Any], probabilities: NDArray[Any]) -> Statistic:
    return _mean_of((probabilities.argmax(axis=1) == truth).astype(np.float64))


def _log_loss(truth: NDArray[Any], probabilities: NDArray[Any]) -> Statistic:
    exact = probabilities.astype(np.float64)
    exact = np.clip(exact / exact.sum(axis=1, keepdims=True), _EPSILON, 1.0)
    return _mean_of(-np.log(exact[np.arange(len(truth)), truth.astype(np.int64)]))


def _mae(truth: NDArray[Any], values: NDArray[Any]) -> Statistic:
    return _mean_of(np.abs(truth - values.astype(np.float64)))


def _rmse(truth: NDArray[Any], values: NDArray[Any]) -> Statistic:
    mean = _mean_of((truth - values.astype(np.float64)) ** 2)
    return lambda weights: float(np.sqrt(mean(weights)))


def _r2(truth: NDArray[Any], values: NDArray[Any]) -> Statistic:
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


def _confusion(truth: NDArray[Any], probabilities: NDArray[Any]) -> Callable[[Floats], Floats]:
    classes = probabilities.shape[1]
    pairs = truth.astype(np.int64) * classes + probabilities.argmax(axis=1)
    size = classes * classes

    def compute(weights: Floats) -> Floats:
        counts = np.bincount(pairs, weights=weights, minlength=size).astype(np.float64)
        return counts.reshape(classes, classes)

    return compute


def _balanced_accuracy(truth: NDArray[Any], probabilities: NDArray[Any]) -> Statistic:
    confusion = _confusion(truth, probabilities)

    def compute(weights: Floats) -> float:
        matrix = confusion(weights)
        support = matrix.sum(axis=1)
        present = support > 0
        return float(np.mean(np.diag(matrix)[present] / support[present]))

    return compute


def _f1(truth: NDArray[Any], probabilities: NDArray[Any]) -> Statistic:
    confusion = _confusion(truth, probabilities)

    def compute(weights: Floats) -> float:
        matrix = confusion(weights)
        used = matrix.sum(axis=0) + matrix.sum(axis=1)
        scores = 2 * np.diag(matrix) / np.maximum(used, 1)
        return float(scores[1]) if len(scores) == 2 else float(scores[used > 0].mean())

    return compute


def _per_class(
    truth: NDArray[Any],
    probabilities: NDArray[Any],
    binary: Callable[[NDArray[np.bool_], NDArray[Any]], Statistic],
) -> Statistic:
    classes = probabilities.shape[1]
    wanted = [1] if classes == 2 else list(range(classes))
    parts = [binary(truth == index, probabilities[:, index]) for index in wanted]

    def compute(weights: Floats) -> float:
        values = [value for part in parts if np.isfinite(value := part(weights))]
        return float(np.mean(values)) if values else float("nan")

    return compute


def _binary_roc_auc(positive: NDArray[np.bool_], scores: NDArray[Any]) -> Statistic:
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


def _binary_average_precision(positive: NDArray[np.bool_], scores: NDArray[Any]) -> Statistic:
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


_WEIGHTED: MappingProxyType[str, Callable[[NDArray[Any], NDArray[Any]], Statistic]] = MappingProxyType(
    {
        "roc_auc": lambda truth, found: _per_class(truth, found, _binary_roc_auc),
        "average_precision": lambda truth, found: _per_class(truth, found, _binary_average_precision),
        "log_loss": _log_loss,
        "accuracy": _accuracy,
        "balanced_accuracy": _balanced_accuracy,
        "f1": _f1,
        "rmse": _rmse,
        "mae": _mae,
        "r2": _r2,
    }
)


def supported() -> frozenset[str]:
    """Return the names of the metrics that can be bootstrapped: all of `pipelines.metrics`."""
    return frozenset(_WEIGHTED) & frozenset(METRICS)
