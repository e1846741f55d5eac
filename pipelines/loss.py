"""The loss by which answers are judged in service, in [0, 1]: 0/1 for classes, clipped error for numbers.

The scale of the latter, the absolute error that counts as wholly wrong, is fixed at training: the distance
from the 1st to the 99th percentile of the training target.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def loss_scale(target: NDArray[Any]) -> float:
    """Return the scale for a training target of numbers [N]; 1 for a constant one."""
    low, high = np.quantile(target.astype(np.float64), [0.01, 0.99])
    return float(high - low) or 1.0


def holdout_loss(
    target: NDArray[Any], predicted: NDArray[np.float32], *, scale: float | None
) -> dict[str, float | int]:
    """Describe the loss on a holdout: rows, mean, variance, scale.

    Args:
        target: class positions or numbers [N].
        predicted: probabilities [N, classes], or numbers [N].
        scale: of `loss_scale`; None for classes.
    """
    if scale is None:
        losses = (predicted.argmax(axis=1) != target).astype(np.float64)
    else:
        losses = np.minimum(np.abs(predicted.astype(np.float64) - target) / scale, 1.0)
    return {
        "rows": len(losses),
        "mean": float(losses.mean()),
        "variance": float(losses.var()),
        "scale": 1.0 if scale is None else scale,
    }
