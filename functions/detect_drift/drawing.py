"""A column's two distributions as the shapes of one small figure, in shares of its width and height."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from eventing.catalogue import Distribution
from functions.detect_drift.columns import Pair
from functions.detect_drift.distribution import distribution_of

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
    shown = distribution_of(pair)
    samples = {"reference": pair.reference, "window": pair.current}
    missing = {
        where: sample.missing / sample.rows if sample.rows else None for where, sample in samples.items()
    }
    return Figure(pair.name, missing, _bars(shown), _labels(shown))


def _bars(shown: Distribution) -> list[Bar]:
    if not shown.reference:
        return []
    step, top = 1 / len(shown.reference), max(*shown.reference, *shown.current) or 1.0
    shares_of = {"reference": shown.reference, "current": shown.current}
    if shown.low is not None:
        return [
            Bar(sample, place * step, 0.95 * step, share / top)
            for sample, shares in shares_of.items()
            for place, share in enumerate(shares)
        ]
    return [
        Bar(sample, (place + number * 0.4) * step, step * 0.38, shares[place] / top)
        for place in range(len(shown.categories))
        for number, (sample, shares) in enumerate(shares_of.items())
    ]


def _labels(shown: Distribution) -> list[Label]:
    if shown.low is not None:
        return [Label(0.0, f"{shown.low:.4g}", "start"), Label(1.0, f"{shown.high:.4g}", "end")]
    step = 1 / max(len(shown.categories), 1)
    letters = max(3, int(step * _LETTERS))
    return [
        Label((place + 0.4) * step, name[:letters], "middle") for place, name in enumerate(shown.categories)
    ]
