"""How far apart values of a series must be to be nearly independent: measured on the series, in its order.

The series is cut into blocks of 1, 2, 4, ... values. Where the means of neighbouring blocks are correlated
beyond chance, blocks of that length are too short: what needs independence takes longer ones. A few numbers
for each length are enough, so a series can be followed for as long as it takes.

This sees only dependence that the series shows: of a regime that outlasts the whole series it shows nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

ERRORS = 2.5
"""A correlation counts from so many standard errors on."""
_LEAST_BLOCKS = 8
_LEAST_CORRELATION = 0.05


@dataclass(frozen=True, slots=True)
class Scale:
    """Blocks of one length: the means of those that are full, as sums.

    Attributes:
        waiting: the first half of the next longer block, if it has come.
        n: full blocks.
        total: sum of their means.
        squares: sum of their squares.
        products: sum of each mean with the one before.
        first: the first mean.
        last: the last one.
    """

    waiting: float | None = None
    n: int = 0
    total: float = 0.0
    squares: float = 0.0
    products: float = 0.0
    first: float = 0.0
    last: float = 0.0

    @property
    def correlation(self) -> float:
        """How neighbouring means are correlated, free of the bias of short series; 0 where nothing varies."""
        mean = self.total / self.n
        variation = self.squares - self.n * mean * mean
        if variation <= 1e-12 * max(self.squares, 1e-12):
            return 0.0
        common = self.products - mean * (2 * self.total - self.first - self.last) + (self.n - 1) * mean * mean
        return common / variation + 1 / self.n

    def depends(self, errors: float = ERRORS) -> bool:
        """Say whether neighbouring means are correlated, by so many standard errors."""
        if self.n < _LEAST_BLOCKS:
            return False
        return self.correlation > max(_LEAST_CORRELATION, errors / math.sqrt(self.n))


@dataclass(frozen=True, slots=True)
class Series:
    """What is known of a series' dependence: one scale for each length of block, 1, 2, 4, ..."""

    scales: tuple[Scale, ...] = ()

    @property
    def n(self) -> int:
        """How many values there are."""
        return self.scales[0].n if self.scales else 0


def observe(series: Series, x: float) -> Series:
    """Return the series with one more value."""
    scales = list(series.scales)
    for place in range(len(scales) + 1):
        if place == len(scales):
            scales.append(Scale())
        scale = scales[place]
        if not scale.n:
            scale = replace(scale, first=x)
        scales[place] = Scale(
            None if scale.waiting is not None else x,
            scale.n + 1,
            scale.total + x,
            scale.squares + x * x,
            scale.products + scale.last * x,
            scale.first,
            x,
        )
        if scale.waiting is None:
            break
        x = (scale.waiting + x) / 2
    return Series(tuple(scales))


def series_of(values: Iterable[float]) -> Series:
    """Return what a whole series shows."""
    series = Series()
    for value in values:
        series = observe(series, value)
    return series


def independent_length(series: Series, errors: float = ERRORS) -> int:
    """Return how long blocks must be for their means to be nearly independent, as far as the series shows.

    1: its values are, each by itself. Always a power of two.
    """
    length = 1
    for place, scale in enumerate(series.scales):
        if scale.depends(errors):
            length = 2 ** (place + 1)
    return length
