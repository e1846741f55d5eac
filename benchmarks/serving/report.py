"""Prints the figures beside the goals, and the peers' as multiples of ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.serving.servers import LOGGED


@dataclass(frozen=True)
class Scenario:
    """A model, the rows of a request, and how many connections send it at a time."""

    model: str
    rows: int
    connections: int

    @property
    def name(self) -> str:
        return f"{self.model} x{self.rows} c{self.connections}"


SCENARIOS = (
    Scenario("lr", 1, 1),
    Scenario("lr", 1, 16),
    Scenario("lr", 100, 4),
    Scenario("rf", 1, 16),
    Scenario("rf", 100, 4),
)
Figure = Callable[[dict[str, Any]], float]


def _of(scenario: Scenario, key: str) -> Figure:
    return lambda figures: float(figures[scenario.name][key])


ONE, SIXTEEN, HUNDRED, FOREST, FOREST_HUNDRED = SCENARIOS
ROWS: tuple[tuple[str, str, Figure], ...] = (
    ("LR, 1 row: CPU ms per request", "<= 0.08", _of(SIXTEEN, "cpu_ms")),
    ("LR, 100 rows: CPU ms", "<= 0.25", _of(HUNDRED, "cpu_ms")),
    ("RF, 1 row: CPU ms", "", _of(FOREST, "cpu_ms")),
    ("RF, 100 rows: CPU ms", "<= 0.65", _of(FOREST_HUNDRED, "cpu_ms")),
    ("LR, 1 row, 16 connections: requests/s", ">= 12000", _of(SIXTEEN, "requests_per_s")),
    ("LR, 1 row, 1 connection: p50 ms", "", _of(ONE, "p50_ms")),
    ("LR, 1 row, 1 connection: p99 ms", "<= kserve/4", _of(ONE, "p99_ms")),
    ("LR, 1 row, 16 connections: p99 ms", "<= kserve/4", _of(SIXTEEN, "p99_ms")),
    ("LR, 100 rows: part not logged", "", _of(HUNDRED, "dropped")),
    ("cold start s", "<= 0.35", lambda figures: float(figures["cold start s"])),
    ("memory PSS MB after the load", "<= 90", lambda figures: float(figures["PSS MB"])),
)


def show(found: dict[str, Any], rounds: int) -> None:
    """Print the table."""
    kinds = list(found)
    print(f"one process each, medians of {rounds} interleaved rounds")
    print(f"{'':40}{'goal':>13}" + "".join(f"{kind:>20}" for kind in kinds))
    for title, goal, figure in ROWS:
        ours = figure(found[LOGGED])
        cells = [_cell(figure(found[kind]), ours, kind) for kind in kinds]
        print(f"{title:40}{goal:>13}" + "".join(f"{cell:>20}" for cell in cells))


def _cell(value: float, ours: float, kind: str) -> str:
    shown = f"{value:.0f}" if value >= 1000 else f"{value:.3g}"
    return shown if kind == LOGGED or not ours else f"{shown} ({value / ours:.1f}x)"
