"""The judge's two bets over the labels of a phase, on a logarithmic scale up to the threshold. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions.console.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Line, Tick
from functions.console.history import Row, data_of, events_of

_LEAST = 0.01
_MOST_PHASES = 4


@dataclass(frozen=True)
class Path:
    """One phase: the lines of "is worse" and "is no worse", the threshold, the axes, and what was decided."""

    title: str
    outcome: str
    lines: tuple[Line, ...]
    threshold: float
    threshold_y: float
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


def histories_of(model: Mapping[str, Any], decided: Iterable[Row]) -> list[Path]:
    """Return the phase under way and the newest that are decided, the newest first.

    Args:
        model: as `/models` of record_events describes it.
        decided: `rollout.decided` as the ledger has them.
    """
    found = []
    judge = model.get("judge") or {}
    if judge.get("threshold") and not judge.get("decided"):
        title = f"v{judge['version']} in {judge['phase']}"
        found.append(_path(title, "under way", judge.get("wealth_history") or [], judge["threshold"]))
    for event in reversed(list(events_of(decided))):
        data = data_of(event)
        points = [
            (each["labels"], each["worse"], each["better"])
            for each in data.get("wealth_history") or []
            if isinstance(each, Mapping) and {"labels", "worse", "better"} <= each.keys()
        ]
        outcome = f"{str(data.get('outcome')).replace('_', ' ')} by {data.get('reason')}"
        title = f"v{data.get('version')} in {data.get('phase')}"
        found.append(_path(title, outcome, points, float(data.get("threshold") or 20)))
    return [each for each in found if each is not None][:_MOST_PHASES]


def _path(title: str, outcome: str, points: Sequence[Sequence[float]], threshold: float) -> Path | None:
    if not points:
        return None
    most = max(max(point[0] for point in points), 1)
    top = max(threshold * 1.5, *(value for point in points for value in point[1:]))
    low, high = math.log10(_LEAST), math.log10(max(min(top, 1e9), _LEAST * 10))

    def x(labels: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * labels / most, 1)

    def y(value: float) -> float:
        share = (math.log10(min(max(value, _LEAST), 1e9)) - low) / (high - low)
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(1.0, max(0.0, share)), 1)

    lines = tuple(
        Line(
            name,
            " ".join(f"{x(point[0])},{y(point[side])}" for point in [(0, 1.0, 1.0), *points]),
            (x(points[-1][0]), y(points[-1][side])),
            colour,
        )
        for name, side, colour in (("is worse", 1, 1), ("is no worse", 2, 2))
    )
    powers = range(math.ceil(low), math.floor(high) + 1)
    every = max(1, math.ceil(len(powers) / 6))
    y_ticks = tuple(Tick(y(10.0**power), f"{10.0**power:g}") for power in powers[::every])
    x_ticks = tuple(Tick(x(most * part / 4), f"{most * part / 4:.0f}") for part in range(5))
    return Path(title, outcome, lines, threshold, y(threshold), x_ticks, y_ticks)
