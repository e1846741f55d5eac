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
LEAST_ROWS, LEAST_RESAMPLES = 1_000, 200
_EPSILON = 1e-15


@dataclass(frozen=True)
class Interval:
    """Where the difference lies, at the confidence `LEVEL`; `rows` were resampled, `resamples` times."""

    low: float
    high: float
    rows: int
    resamples: int


def paired_interval(
    metric: Metric,
    truth: NDArray[Any],
    challenger: NDArray[Any],
    champion: NDArray[Any],
    *,
    resamples: int,
    seed: int,
    share: float = 1.0,
) -> Interval | None:
    """Return the percentile interval of score(challenger) - score(champion) over resampled rows.

    Args:
        metric: its sign is turned so that more is better.
        truth: class indices [N], or numbers [N].
        challenger: probabilities [N, classes], or numbers [N].
        champion: the same of the champion, row by row.
        resamples: how many, where that is affordable.
        seed: the same seed gives the same interval.
        share: of the work that is affordable, what these rows may take.

    Returns:
        None when the metric is undefined on most resamples. Of many rows a sample is used.
    """
    rng = np.random.default_rng(seed)
    rows, resamples = affordable(len(truth), rankings(metric, challenger), resamples, share)
    if len(truth) > rows:
        chosen = rng.choice(len(truth), rows, replace=False)
        truth, challenger, champion = truth[chosen], challenger[chosen], champion[chosen]
    ours, theirs = weighted(metric, truth, challenger), weighted(metric, truth, champion)
    differences = np.empty(resamples)
    for index in range(resamples):
        counts = np.bincount(rng.integers(0, rows, rows), minlength=rows).astype(np.float64)
        differences[index] = metric.score(ours(counts)) - metric.score(theirs(counts))
    known = differences[np.isfinite(differences)]
    if len(known) * 2 < resamples:
        return None
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high), rows, resamples)


def rankings(metric: Metric, prediction: NDArray[Any]) -> int:
    """Return how often a metric goes through all rows: once for each class that it ranks them by."""
    return prediction.shape[1] if metric.name in _RANKING and prediction.shape[1] > 2 else 1


def affordable(rows: int, rankings: int, resamples: int, share: float = 1.0) -> tuple[int, int]:
    """Return how many rows to draw from, and how often: the work of `MAX_ROWS` rows and two classes.

    First resamples are saved, to `LEAST_RESAMPLES`, which blurs the interval's ends; then rows, to
    `LEAST_ROWS`, which makes it wider.
    """
    rows = min(rows, MAX_ROWS)
    work = MAX_ROWS * share * resamples
    if rows * rankings * resamples <= work:
        return rows, resamples
    fewer = max(min(resamples, LEAST_RESAMPLES), int(work / (rows * rankings)))
    return min(rows, max(LEAST_ROWS, int(work / (rankings * fewer)))), fewer


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


def _by_class(
    truth: NDArray[Any], probabilities: NDArray[Any]
) -> Callable[[Floats], tuple[Floats, Floats, Floats]]:
    """Return how many of each class were found, there are, and were said, as a function of the weights."""
    classes = probabilities.shape[1]
    actual, said = truth.astype(np.int64), probabilities.argmax(axis=1)
    right = (actual == said).astype(np.float64)

    def count(codes: NDArray[np.int64], weights: Floats) -> Floats:
        return np.bincount(codes, weights=weights, minlength=classes).astype(np.float64)

    return lambda weights: (count(actual, weights * right), count(actual, weights), count(said, weights))


def _balanced_accuracy(truth: NDArray[Any], probabilities: NDArray[Any]) -> Statistic:
    by_class = _by_class(truth, probabilities)

    def compute(weights: Floats) -> float:
        found, support, _ = by_class(weights)
        present = support > 0
        return float(np.mean(found[present] / support[present]))

    return compute


def _f1(truth: NDArray[Any], probabilities: NDArray[Any]) -> Statistic:
    by_class = _by_class(truth, probabilities)

    def compute(weights: Floats) -> float:
        found, support, said = by_class(weights)
        used = support + said
        scores = 2 * found / np.maximum(used, 1)
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


_RANKING = frozenset({"roc_auc", "average_precision"})


def supported() -> frozenset[str]:
    """Return the names of the metrics that can be bootstrapped: all of `pipelines.metrics`."""
    return frozenset(_WEIGHTED) & frozenset(METRICS)
