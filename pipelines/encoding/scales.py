"""Numbers that float32, which has 24 bits, cannot tell apart as they are: put into its middle first.

The second of a day in 2026 needs 31 bits, of which float32 keeps steps of two minutes; as distance from a
moment of that day it needs 17.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BLURRED = 0.01  # of neighbouring values that float32 does not tell apart: from here on they are centred
_SAMPLE = 100_000
_EXACT = 1 << 62  # the distance of two int64 is exact in int64 while it is below


@dataclass(frozen=True)
class Scale:
    """A value x stands for (x - offset) / unit; `unit` is a power of two, so that dividing loses no digit.

    `offset` is an int where the values are, so that no digit of those beyond 2^53 is lost either.
    """

    offset: int | float = 0.0
    unit: float = 1.0

    def apply(self, values: NDArray[Any]) -> Floats:
        """Return the scaled values, [N]; what is no number stays none."""
        if isinstance(self.offset, int) and values.dtype == np.int64:
            near = values.astype(np.float64) - self.offset
            with np.errstate(over="ignore"):
                exact = values - np.int64(self.offset)  # wraps where the distance is far beyond 2^62
            return np.where(np.abs(near) < _EXACT, exact.astype(np.float64), near) / self.unit
        return (values.astype(np.float64) - self.offset) / self.unit

    def apply_one(self, value: Any) -> float:
        """Return a scaled value, of any number of digits. Raises: OverflowError beyond float64."""
        return float(value - self.offset) / self.unit

    def undo(self, scaled: NDArray[Any]) -> Floats:
        """Return the values that scaled ones stand for, [N]."""
        return scaled.astype(np.float64) * self.unit + self.offset

    def to_json(self) -> dict[str, int | float]:
        """Return offset and unit."""
        return {"offset": self.offset, "unit": self.unit}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Scale:
        """Read what `to_json` wrote."""
        return cls(document["offset"], document["unit"])


AS_IS = Scale()


def fit_scale(values: NDArray[Any]) -> tuple[Scale, float]:
    """Choose the scale of int64 or float64 values [N], NaN where missing: as they are where that is enough.

    Returns: with it, which share of neighbouring values float32 still does not tell apart.
    """
    distinct = _distinct(values)
    blurred = _blurred(distinct, AS_IS)
    if blurred <= BLURRED:
        return AS_IS, blurred
    middle = distinct[len(distinct) // 2]
    low, high = distinct[len(distinct) // 4], distinct[3 * len(distinct) // 4]
    spread = float(high) - float(low) or float(distinct[-1]) - float(distinct[0])
    # Both ends of the exponent are kept away from, so that undoing it is exact as well.
    unit = float(2.0 ** np.clip(np.ceil(np.log2(spread)), -1000, 1000)) if 0 < spread < np.inf else 1.0
    scale = Scale(int(middle) if distinct.dtype.kind == "i" else float(middle), unit)
    better = _blurred(distinct, scale)
    return (scale, better) if better < blurred else (AS_IS, blurred)


def _distinct(values: NDArray[Any]) -> NDArray[Any]:
    known = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    return np.asarray(np.unique(known[:: max(1, len(known) // _SAMPLE)]))


def _blurred(distinct: NDArray[Any], scale: Scale) -> float:
    """Return which share of neighbours is one number in float32, or has none between to divide them by."""
    if len(distinct) < 2:
        return 0.0
    exact = scale.apply(distinct)
    with np.errstate(over="ignore"):
        kept = exact.astype(np.float32)
        between = (exact[:-1] / 2 + exact[1:] / 2).astype(np.float32)
    apart = np.isfinite(kept[:-1]) & np.isfinite(kept[1:]) & (kept[:-1] <= between) & (between < kept[1:])
    return float(1 - apart.mean())
