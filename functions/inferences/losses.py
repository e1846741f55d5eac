"""How wrong one prediction was, in [0, 1]."""

from __future__ import annotations

import math


def zero_one(predicted: object, label: object) -> float:
    """Return 1 when a class is not the label, else 0."""
    return float(predicted != label)


def clipped_absolute(predicted: float, label: float, *, scale: float) -> float:
    """Return the absolute error as a share of `scale`, at most 1.

    Args:
        scale: the error that counts as wholly wrong, in the target's unit; fixed when the champion was
            trained.

    Raises:
        ValueError: the scale is not a positive number, or an argument is not finite.
    """
    if not (math.isfinite(scale) and scale > 0):
        raise ValueError(f"scale must be a positive number, this is {scale}")
    if not (math.isfinite(predicted) and math.isfinite(label)):
        raise ValueError("the error of a value that is not finite is not defined")
    return min(abs(predicted - label) / scale, 1.0)
