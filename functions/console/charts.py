"""Lines over time as the shapes of a small figure, in its own units. Pure; the template draws them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

WIDTH, HEIGHT = 720, 220
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 14, 24
_TIME_STEPS_S = (1, 5, 10, 30, 60, 300, 600, 1800, 3600, 10800, 21600, 43200, 86400, 604800, 2592000)


@dataclass(frozen=True)
class Point:
    """A mean over the labels that came since the point before."""

    at: datetime
    value: float
    labels: int


@dataclass(frozen=True)
class Line:
    """One series: its name, its points as `x,y x,y`, the last of them, and its colour's number."""

    name: str
    points: str
    last: tuple[float, float]
    colour: int


@dataclass(frozen=True)
class Tick:
    """A place on an axis."""

    at: float
    label: str


@dataclass(frozen=True)
class Mark:
    """A moment at which something was decided."""

    at: float
    label: str
    kind: str


@dataclass(frozen=True)
class LineChart:
    """Everything to draw."""

    lines: tuple[Line, ...]
    marks: tuple[Mark, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


def line_chart(
    series: Mapping[str, Sequence[Point]], decisions: Sequence[tuple[datetime, str, str]] = ()
) -> LineChart | None:
    """Draw values in [0, 1] over time; None where there is no point.

    Args:
        series: points by name, in the order of time.
        decisions: (when, words, kind), those outside of the points' time are left out.
    """
    points = [each for line in series.values() for each in line]
    if not points:
        return None
    first, last = min(each.at for each in points), max(each.at for each in points)
    span = max((last - first).total_seconds(), 1.0)
    low, high = _bounds([each.value for each in points])

    def x(at: datetime) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (at - first).total_seconds() / span, 1)

    def y(value: float) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low), 1)

    lines = tuple(
        Line(
            name,
            " ".join(f"{x(each.at)},{y(each.value)}" for each in found),
            (x(found[-1].at), y(found[-1].value)),
            number % 6,
        )
        for number, (name, found) in enumerate(series.items())
        if found
    )
    marks = tuple(Mark(x(at), label, kind) for at, label, kind in decisions if first <= at <= last)
    return LineChart(lines, marks, tuple(_time_ticks(first, span, x)), tuple(_value_ticks(low, high, y)))


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    """Return whole tenths around the values, so that the axis does not exaggerate what is small."""
    low, high = math.floor(10 * min(values)) / 10, math.ceil(10 * max(values)) / 10
    return (low, high) if high - low >= 0.2 else (max(0.0, high - 0.2), max(0.2, high))


def _value_ticks(low: float, high: float, y: Callable[[float], float]) -> list[Tick]:
    steps = round((high - low) * 10)
    every = 1 if steps <= 5 else 2
    return [
        Tick(y(low + step / 10), f"{100 * (low + step / 10):.0f} %") for step in range(0, steps + 1, every)
    ]


def _time_ticks(first: datetime, span: float, x: Callable[[datetime], float]) -> list[Tick]:
    step = next((each for each in _TIME_STEPS_S if span / each <= 6), span / 5)
    form = "%H:%M:%S" if step < 60 else "%H:%M" if step < 43200 else "%d %b"
    at = datetime.fromtimestamp(math.ceil(first.timestamp() / step) * step, first.tzinfo)
    found = []
    while (at - first).total_seconds() <= span:
        found.append(Tick(x(at), f"{at:{form}}"))
        at += timedelta(seconds=step)
    return found


def log_share(value: float, threshold: float) -> float:
    """Return how far a wealth has come from 1 to its threshold, in shares of the way, on a log scale.

    Below 1 it is at the start: a bet that lost something proves nothing either.
    """
    if value <= 1 or threshold <= 1:
        return 0.0
    return min(1.0, math.log(value) / math.log(threshold))
