"""How a column lies in the reference and in the new data: shares in the same bins or categories."""

from __future__ import annotations

from collections import Counter

import numpy as np

from eventing.catalogue import Distribution
from functions.detect_drift.columns import Floats, Pair

_BINS, _MAX_CATEGORIES, _MAX_LETTERS = 24, 10, 80
_DIGITS = 5


def distribution_of(pair: Pair) -> Distribution:
    """Return the shares of both sides; no shares where neither has a value."""
    return _numbers(pair) if pair.reference.kind == "number" else _categories(pair)


def _numbers(pair: Pair) -> Distribution:
    left, right = pair.reference.numbers, pair.current.numbers
    both = np.concatenate([left, right])
    if not len(both):
        return Distribution(reference=[], current=[])
    # The outer half percent goes into the outer bins, so that one far value does not flatten the rest.
    low, high = (float(edge) for edge in np.quantile(both, [0.005, 0.995]))
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, _BINS + 1)
    histograms = (np.histogram(np.clip(sample, low, high), edges)[0] for sample in (left, right))
    reference, current = (_shares(counts.astype(np.float64)) for counts in histograms)
    return Distribution(low=low, high=high, reference=reference, current=current)


def _categories(pair: Pair) -> Distribution:
    counts = [Counter(side.categories.tolist()) for side in (pair.reference, pair.current)]
    totals = [max(sum(count.values()), 1) for count in counts]
    shares = {
        name: tuple(round(count[name] / total, _DIGITS) for count, total in zip(counts, totals, strict=True))
        for name in counts[0] | counts[1]
    }
    names = sorted(shares, key=lambda name: (-max(shares[name]), name))[:_MAX_CATEGORIES]
    return Distribution(
        categories=[name[:_MAX_LETTERS] for name in names],
        reference=[shares[name][0] for name in names],
        current=[shares[name][1] for name in names],
    )


def _shares(counts: Floats) -> list[float]:
    found: list[float] = (counts / max(float(counts.sum()), 1.0)).round(_DIGITS).tolist()
    return found
