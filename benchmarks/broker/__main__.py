"""Measure the broker on loopback: `python -m benchmarks.broker` (about a minute).

Instead, `--backlog N` measures memory and a start with N undelivered events. `make faults` has the kills.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.broker.backlog import measure_backlog
from benchmarks.broker.bench import Bench, report_of

GOALS = {
    "CPU s per 10,000 events": {1: "≤ 4", 10: "≤ 4.5"},
    "events/s delivered, 32 senders": {1: "≥ 2500", 10: "≥ 2500"},
    "POST → subscriber p50 ms, 200/s": {1: "≤ 2", 10: "≤ 2"},
    "POST → subscriber p99 ms, 200/s": {1: "≤ 8", 10: "≤ 8"},
    "POST → 202 p99 ms, 200/s": {1: "≤ 8", 10: "≤ 8"},
    "memory MB, highest": {1: "≤ 120", 10: "≤ 120"},
}


def percentile(values: list[float], share: float) -> float:
    """Return the value below which `share` of the values lie."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def measure(
    folder: Path, triggers: int, rounds: int, events: int, options: list[str]
) -> dict[str, list[float]]:
    """Run `rounds` rounds against one broker; return the figures of each."""
    figures: dict[str, list[float]] = {name: [] for name in GOALS}
    with Bench(folder, triggers, *options) as bench:
        bench.start()
        report_of(bench.produce("flood", run="warm", senders=32, events=1000))
        bench.arrived(1000)
        for round_ in range(rounds):
            paced = report_of(bench.produce("pace", run=f"p{round_}", rate=200, events=1000))
            latencies = bench.arrived(1000)["latencies_ms"]
            cpu = bench.cpu_s()
            flooded = report_of(bench.produce("flood", run=f"f{round_}", senders=32, events=events))
            last = bench.arrived(events)["last"]
            assert (paced["accepted"], flooded["accepted"]) == (1000, events)
            figures["CPU s per 10,000 events"].append((bench.cpu_s() - cpu) / events * 10_000)
            figures["events/s delivered, 32 senders"].append(events / (last - flooded["start"]) * 1e9)
            figures["POST → subscriber p50 ms, 200/s"].append(percentile(latencies, 0.5))
            figures["POST → subscriber p99 ms, 200/s"].append(percentile(latencies, 0.99))
            figures["POST → 202 p99 ms, 200/s"].append(percentile(paced["answers_ms"], 0.99))
            figures["memory MB, highest"].append(bench.memory_mb("VmHWM"))
    return figures


def show(results: dict[int, dict[str, list[float]]], rounds: int) -> None:
    """Print the medians beside the goals."""
    print(f"broker, 1 KiB events in binary mode, medians of {rounds} rounds")
    print(f"{'':34}" + "".join(f"{f'{count} trigger(s)':>16}{'goal':>10}" for count in results))
    for name in GOALS:
        cells = [
            (f"{median(figures[name]):.2f}", GOALS[name].get(count, "")) for count, figures in results.items()
        ]
        print(f"{name:34}" + "".join(f"{value:>16}{goal:>10}" for value, goal in cells))


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.broker", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=int, default=10_000, help="events of one throughput round")
    parser.add_argument("--synchronous", choices=("FULL", "NORMAL"), default="FULL")
    parser.add_argument("--backlog", type=int, default=0)
    parser.add_argument(
        "--folder", type=Path, default=Path(".kascade"), help="the log goes to a new folder there"
    )
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=given.folder, prefix="bench-") as name:
        folder, options = Path(name), ["--synchronous", given.synchronous]
        if given.backlog:
            measure_backlog(folder, given.backlog)
        else:
            results = {}
            for triggers in (1, 10):
                (folder / str(triggers)).mkdir()
                results[triggers] = measure(
                    folder / str(triggers), triggers, given.rounds, given.events, options
                )
            show(results, given.rounds)


if __name__ == "__main__":
    main()
