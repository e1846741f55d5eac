"""A column's two distributions as the shapes of one small figure, in shares of its width and height."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from functions.detect_drift.columns import Floats, Pair

_BINS, _MAX_CATEGORIES = 24, 10
_SAMPLES = ("reference", "current")
_LETTERS = 68
"""So many letters stand beside each other in a figure."""


@dataclass(frozen=True)
class Bar:
    """The share of one side in a bin or a category."""

    sample: str
    x: float
    width: float
    height: float


@dataclass(frozen=True)
class Label:
    """A text below the axis."""

    x: float
    text: str
    anchor: str


@dataclass(frozen=True)
class Figure:
    """A histogram, or pairs of bars of categories; `missing` is the share in each sample, None of no rows."""

    name: str
    missing: Mapping[str, float | None]
    bars: list[Bar]
    labels: list[Label]


def draw(pair: Pair) -> Figure:
    """Return a figure with the shares of both samples."""
    bars, labels = _histogram(pair) if pair.reference.kind == "number" else _categories(pair)
    samples = {"reference": pair.reference, "window": pair.current}
    missing = {
        where: sample.missing / sample.rows if sample.rows else None for where, sample in samples.items()
    }
    return Figure(pair.name, missing, bars, labels)


def _histogram(pair: Pair) -> tuple[list[Bar], list[Label]]:
    left, right = pair.reference.numbers, pair.current.numbers
    both = np.concatenate([left, right])
    if not len(both):
        return [], []
    # The outer half percent goes into the outer bins, so that one far value does not flatten the rest.
    low, high = (float(edge) for edge in np.quantile(both, [0.005, 0.995]))
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, _BINS + 1)
    shares = [
        _shares(np.histogram(np.clip(sample, low, high), edges)[0].astype(float)) for sample in (left, right)
    ]
    top = max(float(sample.max()) for sample in shares) or 1.0
    bars = [
        Bar(name, place / _BINS, 0.95 / _BINS, share / top)
        for name, sample in zip(_SAMPLES, shares, strict=True)
        for place, share in enumerate(sample.tolist())
    ]
    return bars, [Label(0.0, f"{low:.4g}", "start"), Label(1.0, f"{high:.4g}", "end")]


def _categories(pair: Pair) -> tuple[list[Bar], list[Label]]:
    counts = [Counter(sample.categories.tolist()) for sample in (pair.reference, pair.current)]
    totals = [max(sum(count.values()), 1) for count in counts]
    shares = {
        name: tuple(count[name] / total for count, total in zip(counts, totals, strict=True))
        for name in counts[0] | counts[1]
    }
    names = sorted(shares, key=lambda name: (-max(shares[name]), name))[:_MAX_CATEGORIES]
    if not names:
        return [], []
    top = max(max(shares[name]) for name in names)
    step = 1 / len(names)
    bars = [
        Bar(sample, (place + number * 0.4) * step, step * 0.38, shares[name][number] / top)
        for place, name in enumerate(names)
        for number, sample in enumerate(_SAMPLES)
    ]
    letters = max(3, int(step * _LETTERS))
    return bars, [Label((place + 0.4) * step, name[:letters], "middle") for place, name in enumerate(names)]


def _shares(counts: Floats) -> Floats:
    return counts / max(float(counts.sum()), 1.0)
