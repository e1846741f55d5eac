"""Measure serve_model beside its peers: `python -m benchmarks.serving` (about three minutes).

CPU milliseconds per request come first: wall-clock figures vary with what else the machine does. Rounds are
interleaved over the servers, so that all of them meet the same neighbours; figures are medians.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.serving.environments import CannotMake, python_of
from benchmarks.serving.models import NAMES, export, request_body
from benchmarks.serving.report import SCENARIOS, Scenario, show
from benchmarks.serving.servers import KINDS, LOGGED, UNLOGGED, Server, start
from benchmarks.serving.sink import Sink

OURS = (LOGGED, UNLOGGED)
LOG_INTERVAL_S = 1.0


def measure(server: Server, scenario: Scenario, bodies: dict[int, Path], seconds: float) -> dict[str, float]:
    """Load one server in a process of its own; return its figures."""
    before = server.log_rows()
    asked = {
        "port": server.port,
        "pid": server.process.pid,
        "path": server.infer_path,
        "body": str(bodies[scenario.rows]),
        "connections": scenario.connections,
        "warm_s": 0.3,
        "seconds": seconds,
        "settle_s": 1.2 * LOG_INTERVAL_S if server.kind == LOGGED else 0,
    }
    command = [sys.executable, "-m", "benchmarks.serving.load", json.dumps(asked)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures: dict[str, float] = json.loads(done.stdout)
    after = server.log_rows()
    rows = {outcome: count - before[outcome] for outcome, count in after.items()}
    figures["dropped"] = rows["dropped"] / sum(rows.values()) if rows else 0.0
    return figures


def available(peers: list[str]) -> list[str]:
    """Return which peers can be run; say of the others how they could be."""
    kinds = list(OURS)
    for peer in peers:
        try:
            python_of(peer)
            kinds.append(peer)
        except CannotMake as error:
            print(f"skipped {peer}: {error}\n  with a network, run: {error.command}")
    return kinds


def run(kinds: list[str], rounds: int, seconds: float, folder: Path, sink: str) -> dict[str, Any]:
    """Start every server, measure, and stop it; return medians by server and scenario."""
    models = {name: export(name, folder) for name in NAMES}
    bodies = {rows: folder / f"{rows}.json" for rows in (1, 100)}
    for rows, path in bodies.items():
        path.write_bytes(request_body(rows))
    cold: dict[str, list[float]] = {kind: [] for kind in kinds}
    for kind in kinds:
        for _ in range(5 if kind in OURS else 3):
            server = start(kind, models["lr"], folder, sink)
            cold[kind].append(server.cold_start_s)
            server.stop()
    found: dict[str, Any] = {kind: {"cold start s": median(cold[kind])} for kind in kinds}
    for name in NAMES:
        servers = [start(kind, models[name], folder, sink) for kind in kinds]
        try:
            _measure_all(servers, name, bodies, rounds, seconds, found)
        finally:
            for server in servers:
                server.stop()
    return found


def _measure_all(
    servers: list[Server],
    model: str,
    bodies: dict[int, Path],
    rounds: int,
    seconds: float,
    found: dict[str, Any],
) -> None:
    for scenario in (each for each in SCENARIOS if each.model == model):
        taken: dict[str, list[dict[str, float]]] = {server.kind: [] for server in servers}
        for _ in range(rounds):
            for server in servers:
                taken[server.kind].append(measure(server, scenario, bodies, seconds))
        for kind, figures in taken.items():
            found[kind][scenario.name] = {key: median(each[key] for each in figures) for key in figures[0]}
    if model == "lr":
        for server in servers:
            found[server.kind]["PSS MB"] = server.pss_mb()


def main() -> None:
    """Parse the command line, run, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument(
        "--peers", default="kserve", help=f"comma-separated, of {', '.join(KINDS[2:])}; or none"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.5, help="of each measurement")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    arguments = parser.parse_args()
    peers = [peer for peer in arguments.peers.split(",") if peer and peer != "none"]
    with tempfile.TemporaryDirectory() as folder, Sink() as sink:
        found = run(available(peers), arguments.rounds, arguments.seconds, Path(folder), sink.url)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2))
    show(found, arguments.rounds)


if __name__ == "__main__":
    main()
