"""The paired bootstrap of a metric's difference, fast: rows are drawn as weights, and sorted only once.

With a rare class few rows decide, and the bootstrap, which knows no rows but those, makes intervals too
narrow. So they are widened as Student's t is wider than the normal distribution, for the rows of that class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm as normal
from scipy.stats import t as student_t

from pipelines.class_costs import ClassCosts
from pipelines.metrics import Metric

LEVEL = 0.95
MAX_ROWS = 200_000
LEAST_ROWS, LEAST_RESAMPLES = 1_000, 200
MOST_WIDENING = 10.0
_RANKING = frozenset({"roc_auc", "average_precision"})


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
    costs: ClassCosts | None = None,
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
        costs: of errors, where the metric is their mean.

    Returns:
        None when the metric is undefined on most resamples. Of many rows a sample is used.
    """
    rng = np.random.default_rng(seed)
    rows, resamples = affordable(len(truth), rankings(metric, challenger), resamples, share)
    if len(truth) > rows:
        chosen = rng.choice(len(truth), rows, replace=False)
        truth, challenger, champion = truth[chosen], challenger[chosen], champion[chosen]
    ours, theirs = metric.weighted(truth, challenger), metric.weighted(truth, champion)
    differences = np.empty(resamples)
    for index in range(resamples):
        counts = np.bincount(rng.integers(0, rows, rows), minlength=rows).astype(np.float64)
        differences[index] = metric.score(ours(counts)) - metric.score(theirs(counts))
    known = differences[np.isfinite(differences)]
    if len(known) * 2 < resamples:
        return None
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    whole = np.ones(rows)
    seen = metric.score(ours(whole)) - metric.score(theirs(whole))
    wider = widening(truth)
    below, above = max(0.0, wider * (seen - low)), max(0.0, wider * (high - seen))
    more = 0.0 if costs is None else unseen(costs, truth)
    return Interval(
        float(min(low, seen - np.hypot(below, more))),
        float(max(high, seen + np.hypot(above, more))),
        rows,
        resamples,
    )


def widening(truth: NDArray[Any]) -> float:
    """Return by how much an interval must be wider, for the rows of the rarest class; 1 for many rows."""
    fewest = len(truth) if truth.dtype.kind == "f" else int(np.unique(truth, return_counts=True)[1].min())
    if fewest < 2:
        return MOST_WIDENING
    quantile = float(student_t.ppf((1 + LEVEL) / 2, fewest - 1) / normal.ppf((1 + LEVEL) / 2))
    return min(MOST_WIDENING, quantile * float(np.sqrt(fewest / (fewest - 1))))


def unseen(costs: ClassCosts, truth: NDArray[Any]) -> float:
    """Return by how much a mean cost may differ for errors of which a rare class's few rows show none.

    As though two more rows of each class were there, one that each model alone gets wrong (Agresti & Min,
    Statistics in Medicine 24, 2005).
    """
    rows = np.bincount(truth.astype(np.int64), minlength=len(costs.weights))
    most = costs.matrix().max(axis=1) / costs.unit
    spread = most * rows / rows.sum() * np.sqrt(2.0) / (rows + 2)
    return float(normal.ppf((1 + LEVEL) / 2) * np.sqrt((spread**2).sum()))


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
