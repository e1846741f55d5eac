"""Measure a system at rest: `python -m benchmarks.idle` (about four minutes).

A system of its own is started. Its memory is taken at start, with every function awake, and once those that
may have scaled to zero. Then the demonstration's first file is dropped, and each step until the model answers
is timed. At last every function is let scale to zero, and woken by a request, one at a time.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console

from benchmarks.idle.cluster import Cluster
from benchmarks.idle.drop import drop_to_serving
from benchmarks.idle.processes import memory_mb, wait_until_gone
from kascade.stream.running import running_system
from kascade.system.home import Home

_SETTLE_S = 5.0
_TO_ZERO_WITHIN_S = 240.0
_MOMENTS = ("at start", "awake", "idle")


def measure(folder: Path, rounds: int, console: Console) -> dict[str, Any]:
    """Start a system and return all figures."""
    home = Home(folder / "state")
    home.prepare(fresh=False)
    with running_system(home, store="embedded", console=console) as system:
        cluster, top = Cluster(home.endpoints()), system.pid
        memory, idle_after = _memory(cluster, top)
        steps = drop_to_serving(home)
        return {
            "memory_mb": memory,
            "idle_after_s": idle_after,
            "cold_start_s": _cold_starts(cluster, top, rounds),
            "drop_to_serving_s": steps,
        }


def _memory(cluster: Cluster, top: int) -> tuple[dict[str, dict[str, float]], float]:
    """Return the memory of each part at each moment, and how long it took to scale to zero."""
    time.sleep(_SETTLE_S)
    at_start = memory_mb(top)
    for name in cluster.functions():
        cluster.seconds_to_answer(name)
    awake = memory_mb(top)
    took = wait_until_gone(top, cluster.scale_to_zero(), _TO_ZERO_WITHIN_S)
    time.sleep(_SETTLE_S)
    return dict(zip(_MOMENTS, (at_start, awake, memory_mb(top)), strict=True)), took


def _cold_starts(cluster: Cluster, top: int, rounds: int) -> dict[str, list[float]]:
    cluster.let_all_scale_to_zero()
    found: dict[str, list[float]] = {name: [] for name in cluster.functions()}
    for _ in range(rounds):
        wait_until_gone(top, found, _TO_ZERO_WITHIN_S)
        for name, seconds in found.items():
            seconds.append(cluster.seconds_to_answer(name))
    return found


def show(figures: dict[str, Any]) -> None:
    """Print the figures as tables."""
    memory = figures["memory_mb"]
    print(f"{'memory, PSS MB':24}" + "".join(f"{moment:>10}" for moment in memory))
    for name in sorted({name for parts in memory.values() for name in parts}):
        print(f"{name:24}" + "".join(_cell(parts.get(name)) for parts in memory.values()))
    print(f"{'in all':24}" + "".join(_cell(sum(parts.values())) for parts in memory.values()))
    print(f"scaled to zero {figures['idle_after_s']:.0f} s after the last request")
    print(f"\n{'cold start, s':24}{'median':>10}{'slowest':>10}")
    for name, seconds in figures["cold_start_s"].items():
        print(f"{name:24}{median(seconds):>10.2f}{max(seconds):>10.2f}")
    print(f"\n{'drop to serving, s':24}{'at':>10}{'step':>10}")
    before = 0.0
    for name, at in figures["drop_to_serving_s"].items():
        print(f"{name:24}{at:>10.2f}{at - before:>10.2f}")
        before = at


def _cell(value: float | None) -> str:
    return f"{'-' if value is None else f'{value:.0f}':>10}"


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list) else round(value, 3)


def main() -> int:
    """Measure, print tables, and the same as JSON in the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="cold starts of each function")
    options = parser.parse_args()
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), options.rounds, console)
    show(figures)
    print(json.dumps(_rounded(figures)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
