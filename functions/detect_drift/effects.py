"""How much two distributions differ, whatever the number of rows: what a p-value alone does not say.

With many rows a test finds differences that change nothing: at 100,000 rows Kolmogorov-Smirnov flags a
shift of 0.03 standard deviations every time. So drift needs an effect as well.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from functions.detect_drift.columns import Floats, Objects, Pair


@dataclass(frozen=True, slots=True)
class Effect:
    """How much: `wasserstein` in the reference's standard deviations, or `jensen-shannon` in [0, 1]."""

    name: str
    value: float


def effect(pair: Pair) -> Effect:
    """Return the effect that fits the column's kind; both sides have at least one value."""
    if pair.reference.kind == "number":
        return Effect("wasserstein", wasserstein(pair.reference.numbers, pair.current.numbers))
    return Effect("jensen-shannon", jensen_shannon(pair.reference.categories, pair.current.categories))


def wasserstein(reference: Floats, current: Floats) -> float:
    """Return the Wasserstein-1 distance in standard deviations of the reference.

    A constant reference has none: then those of both together are the unit, and equal constants are at
    distance 0.

    Args:
        reference: shape (n,), finite.
        current: shape (m,), finite.
    """
    from scipy.stats import wasserstein_distance

    unit = float(np.std(reference))
    if unit == 0.0:
        unit = float(np.std(np.concatenate([reference, current])))
    if unit == 0.0 or not np.isfinite(unit):
        return 0.0
    return float(wasserstein_distance(reference / unit, current / unit))


def jensen_shannon(reference: Objects, current: Objects) -> float:
    """Return the Jensen-Shannon distance (the divergence's square root, base 2) of two sets of categories.

    Args:
        reference: shape (n,).
        current: shape (m,); categories the reference lacks count as well.
    """
    return _distance(*counts(reference, current))


def missing_difference(pair: Pair) -> float:
    """Return the Jensen-Shannon distance between the shares of missing values."""
    return _distance(
        *(np.array([c.missing, c.rows - c.missing], float) for c in (pair.reference, pair.current))
    )


def counts(reference: Objects, current: Objects) -> tuple[Floats, Floats]:
    """Count each category of either side, in one order."""
    left, right = Counter(reference.tolist()), Counter(current.tolist())
    names = sorted(left | right)
    return (
        np.array([left[name] for name in names], dtype=np.float64),
        np.array([right[name] for name in names], dtype=np.float64),
    )


def _distance(left: Floats, right: Floats) -> float:
    p, q = left / left.sum(), right / right.sum()
    middle = (p + q) / 2
    divergence = (_entropy(p, middle) + _entropy(q, middle)) / 2
    return float(np.sqrt(min(max(divergence, 0.0), 1.0)))


def _entropy(p: Floats, q: Floats) -> float:
    there = p > 0
    return float(np.sum(p[there] * np.log2(p[there] / q[there])))
