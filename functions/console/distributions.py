"""The two distributions of each feature in a check for drift, as the shapes of small figures. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT, BASE, TOP = 480, 170, 140, 6
_LETTERS = 60
"""So many letters stand beside each other below a figure."""


@dataclass(frozen=True)
class Bar:
    """The share of one side in a bin or a category; `side` is `reference` or `current`."""

    side: str
    x: float
    y: float
    width: float
    height: float
    words: str


@dataclass(frozen=True)
class Label:
    """A text below the axis."""

    x: float
    text: str
    anchor: str


@dataclass(frozen=True)
class Figure:
    """One test of a feature, with the feature's distributions where they are known; `place` is its number."""

    place: int
    test: Mapping[str, Any]
    bars: tuple[Bar, ...]
    labels: tuple[Label, ...]


def figures_of(check: Mapping[str, Any]) -> list[Figure]:
    """Return a figure for each test of a check, in its order: the clearest drift first."""
    tests = check.get("features")
    return [
        _figure(place, test)
        for place, test in enumerate(tests if isinstance(tests, list) else ())
        if isinstance(test, Mapping)
    ]


def _figure(place: int, test: Mapping[str, Any]) -> Figure:
    shown = test.get("distribution")
    if not isinstance(shown, Mapping):
        return Figure(place, test, (), ())
    samples = {side: _shares(shown.get(side)) for side in ("reference", "current")}
    bins = max(map(len, samples.values()))
    top = max((share for shares in samples.values() for share in shares), default=0.0) or 1.0
    names, low, high = shown.get("categories") or [], shown.get("low"), shown.get("high")
    if not bins:
        return Figure(place, test, (), ())
    step = WIDTH / bins
    bars = []
    for number, (side, shares) in enumerate(samples.items()):
        for at, share in enumerate(shares):
            x, width = (
                (at * step, 0.95 * step) if low is not None else ((at + number * 0.4) * step, 0.38 * step)
            )
            height = (BASE - TOP) * share / top
            where = (
                _bin(low, high, at, bins) if low is not None else str(names[at]) if at < len(names) else ""
            )
            words = f"{where}: {100 * share:.1f} % of the {side}"
            bars.append(
                Bar(side, round(x, 1), round(BASE - height, 1), round(width, 1), round(height, 1), words)
            )
    if low is not None and high is not None:
        labels = [Label(0, f"{low:.4g}", "start"), Label(WIDTH, f"{high:.4g}", "end")]
    else:
        letters = max(3, _LETTERS // bins)
        labels = [
            Label(round((at + 0.4) * step, 1), str(name)[:letters], "middle") for at, name in enumerate(names)
        ]
    return Figure(place, test, tuple(bars), tuple(labels))


def _bin(low: float, high: float | None, at: int, bins: int) -> str:
    width = ((high if high is not None else low) - low) / bins
    return f"{low + at * width:.4g} to {low + (at + 1) * width:.4g}"


def _shares(found: Any) -> Sequence[float]:
    return [float(each) for each in found if isinstance(each, int | float)] if isinstance(found, list) else []
