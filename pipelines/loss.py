"""The loss by which answers are judged, in [0, 1]: 0/1 or costs for classes, clipped error for numbers.

The scale of the latter, the absolute error that counts as wholly wrong, is fixed at training: the distance
from the 1st to the 99th percentile of the training target.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.card import HoldoutLoss
from pipelines.class_costs import ClassCosts
from pipelines.metrics import Metric, Statistic
from pipelines.serial_dependence import independent_length, series_of

_MOST_ROWS = 10_000  # show how losses depend on each other


def zero_one(predicted: Any, label: Any) -> Any:
    """Return 1 where a class is not the label, else 0: of one answer, or of arrays [N]."""
    return (predicted != label) * 1.0


def clipped_absolute(predicted: float, label: float, *, scale: float) -> float:
    """Return the absolute error as a share of `scale`, at most 1.

    Raises:
        ValueError: the scale is not a positive number, or a value is not finite.
    """
    if not (math.isfinite(scale) and scale > 0):
        raise ValueError(f"scale must be a positive number, this is {scale}")
    if not (math.isfinite(predicted) and math.isfinite(label)):
        raise ValueError("the error of a value that is not finite is not defined")
    return float(clipped(predicted, label, scale))


def clipped(predicted: Any, label: Any, scale: float) -> Any:
    """Return absolute errors as shares of `scale`, at most 1, unchecked: of one answer, or of arrays [N]."""
    return np.minimum(np.abs(np.subtract(predicted, label, dtype=np.float64)) / scale, 1.0)


def loss_scale(target: NDArray[Any]) -> float:
    """Return the scale for a training target of numbers [N]; 1 for a constant one."""
    low, high = np.quantile(target.astype(np.float64), [0.01, 0.99])
    return float(high - low) or 1.0


def cost(predicted: NDArray[Any], target: NDArray[Any], costs: ClassCosts | None) -> NDArray[np.float64]:
    """Return the losses of a classifier's answers [N], by positions of classes [N]."""
    if costs is None:
        return np.asarray(zero_one(predicted, target), dtype=np.float64)
    found: NDArray[np.float64] = costs.matrix()[target.astype(np.int64), predicted]
    return found


def mean_cost(costs: ClassCosts) -> Metric:
    """Return the mean loss as a metric: of the best answer that is always the same it is 1."""

    def weighted(truth: NDArray[Any], probabilities: NDArray[Any]) -> Statistic:
        losses = cost(probabilities.argmax(axis=1), truth, costs) / costs.unit
        return lambda weights: float(weights @ losses / weights.sum())

    return Metric("loss", "classification", False, weighted)


def holdout_loss(
    target: NDArray[Any], predicted: NDArray[Any], *, scale: float | None, costs: ClassCosts | None = None
) -> HoldoutLoss:
    """Describe the loss on a holdout.

    Args:
        target: class positions or numbers [N], in the order of the rows.
        predicted: probabilities [N, classes], or numbers [N].
        scale: of `loss_scale`; None for classes.
        costs: of classes; None where each error is 1.
    """
    if scale is None:
        losses = cost(predicted.argmax(axis=1), target, costs)
    else:
        losses = clipped(predicted, target, scale)
    return HoldoutLoss(
        rows=len(losses),
        mean=float(losses.mean()),
        variance=float(losses.var()),
        scale=scale or 1.0,
        block=independent_length(series_of(losses[-_MOST_ROWS:].astype(float).tolist())),
        costs=costs,
        counts=() if costs is None else _counts(losses),
    )


def _counts(losses: NDArray[np.float64]) -> tuple[tuple[float, int], ...]:
    values, rows = np.unique(losses, return_counts=True)
    return tuple((float(value), int(n)) for value, n in zip(values, rows, strict=True))
