"""Does the ONNX graph predict what scikit-learn does?

The graph computes in float32 and scikit-learn in float64, so single rows on the very edge of a tree's split
or of a neighbourhood may differ; the limits say how many, and by how much.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StepError

MIN_AGREEING = 0.995
MAX_DIFFERENCE = 0.01
MIN_CLOSE = 0.99
_ROUNDING = 2.0**-22  # of a number's size: two steps of float32, which no graph can do without


@dataclass(frozen=True)
class Parity:
    """What was found on the holdout. `largest` and `mean` are of probabilities, or of numbers in units of
    `spread_of` the predictions; `close` is the share of rows within `MAX_DIFFERENCE`."""

    rows: int
    agreeing: float | None
    close: float
    largest: float
    mean: float

    def to_json(self) -> dict[str, Any]:
        """Return what was found and the limits, as JSON values."""
        return {**asdict(self), "limits": LIMITS}


LIMITS = {"min_agreeing": MIN_AGREEING, "max_difference": MAX_DIFFERENCE, "min_close": MIN_CLOSE}


def spread_of(expected: NDArray[Any]) -> float:
    """Return what differences of numbers [N] are divided by: their standard deviation.

    It is more where they hardly differ for their size, so that the rounding to float32 is within the limit.
    """
    size = float(np.abs(expected).max(initial=0.0))
    return max(float(np.std(expected)), size * _ROUNDING / MAX_DIFFERENCE)


def compare(expected: NDArray[Any], found: NDArray[Any], scale: float = 1.0) -> Parity:
    """Compare predictions [N, classes] or [N] of the same rows.

    Args:
        scale: what differences are divided by: 1 for probabilities, `spread_of` the predictions for numbers.
    """
    difference = np.abs(expected.astype(np.float64) - found.astype(np.float64)) / (scale or 1.0)
    agreeing = None
    if difference.ndim == 2:
        agreeing = float(np.mean(_agrees(expected, found)))
        difference = difference.max(axis=1)
    return Parity(
        rows=len(expected),
        agreeing=agreeing,
        close=float(np.mean(difference <= MAX_DIFFERENCE)),
        largest=float(difference.max()),
        mean=float(difference.mean()),
    )


def _agrees(expected: NDArray[Any], found: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether the chosen class is one of scikit-learn's most probable ones (a tie has several)."""
    chosen = np.take_along_axis(expected, found.argmax(axis=1)[:, None], axis=1)[:, 0]
    return np.asarray(chosen >= expected.max(axis=1) - 1e-6)


def require(parity: Parity) -> None:
    """Refuse a graph that does not predict what scikit-learn does. Raises: StepError naming the limits."""
    spared = 1 / parity.rows  # one row may differ, however few there are
    agreeing = 1.0 if parity.agreeing is None else parity.agreeing
    if agreeing + spared >= MIN_AGREEING and parity.close + spared >= MIN_CLOSE:
        return
    raise StepError(
        f"the ONNX model differs from scikit-learn on {parity.rows} holdout rows: labels agree on "
        f"{agreeing:.4f} (at least {MIN_AGREEING}), {parity.close:.4f} of the rows are within "
        f"{MAX_DIFFERENCE} (at least {MIN_CLOSE}), the largest difference is {parity.largest:.4g}",
        "choose another estimator in train.candidates, and report this one",
    )
