"""Measure what looking features up adds to a prediction: `python -m benchmarks.features` (about two minutes).

One model, one serve_model, one real Feast (`make feast`) with SQLite as its online store: requests with all
features (`instances`) and requests by entity (`entities`) alternate, and beside them the floor: Feast itself
asked the same question. CPU is counted of both processes; clients are processes of their own. What the lookup
adds is the median over rounds of the difference within a round.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.features.world import Feast, bodies, put_views, served_model
from benchmarks.serving.load import cpu_s
from benchmarks.serving.servers import UNLOGGED, Server, start
from eventing.store import S3Store
from kascade.system.stores.embedded import EmbeddedStore

KEYS = ("access", "secretsecret")
WARM_S = 0.5
ASKED = PLAIN, BY_ENTITY, FLOOR = "plain", "by entity", "feature server itself"
SCENARIOS = ((1, 1), (32, 1), (1, 8))
"""Rows in a request, and connections."""
ADDED = ("p50_ms", "p99_ms", "cpu_ms")
Figures = dict[str, float]


@dataclass(frozen=True)
class World:
    """What is asked, and the processes whose CPU is counted."""

    server: Server
    feast: Feast


def measure(world: World, asked: str, rows: int, connections: int, seconds: float, folder: Path) -> Figures:
    """Send one kind of request for some seconds; return what it took."""
    itself = asked == FLOOR
    body = folder / f"{asked}-{rows}.json"
    body.write_bytes(bodies(rows)[asked])
    load = {
        "port": world.feast.port if itself else world.server.port,
        "pid": world.server.process.pid,
        "path": "/get-online-features" if itself else f"/v1/models/{world.server.model}:predict",
        "body": str(body),
        "connections": connections,
        "warm_s": WARM_S,
        "seconds": seconds,
        "settle_s": 0,
    }
    before = cpu_s(world.feast.process.pid)
    command = [sys.executable, "-m", "benchmarks.serving.load", json.dumps(load)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: Figures = json.loads(done.stdout)
    used = cpu_s(world.feast.process.pid) - before
    # The load's warm-up is not among the requests it counts, but it is in this process's CPU.
    requests = found["requests_per_s"] * (seconds + WARM_S)
    feast = 0.0 if asked == PLAIN else used / requests * 1000
    server = 0.0 if itself else found["cpu_ms"]
    return {**found, "server_cpu_ms": server, "feast_cpu_ms": feast, "cpu_ms": server + feast}


def added(rounds: dict[str, list[Figures]]) -> Figures:
    """Return what the lookup adds to a request, and that by the floor; of each the median over rounds."""
    found: Figures = {}
    for key in ADDED:
        by_round = [
            (entity[key] - plain[key], floor[key])
            for plain, entity, floor in zip(*(rounds[asked] for asked in ASKED), strict=True)
        ]
        found[key] = median(more for more, _ in by_round)
        found[f"{key}_by_floor"] = median(more / floor for more, floor in by_round)
    return found


@contextmanager
def running(folder: Path, entities: int) -> Iterator[World]:
    """Start the store, Feast and the server; end them again."""
    with EmbeddedStore(folder / "store", 0, *KEYS) as store:
        put_views(S3Store.from_env(store.env), entities)
        feast = Feast(folder / "feast", store.env)
        try:
            feast.wait()
            server = start(UNLOGGED, served_model(folder, feast.url), folder, "")
            try:
                yield World(server, feast)
            finally:
                server.stop()
        finally:
            feast.stop()


def show(found: dict[tuple[int, int], dict[str, Figures]]) -> None:
    """Print a table for each scenario."""
    for (rows, connections), figures in found.items():
        print(f"\n{rows} row{'s' * (rows > 1)} a request, {connections} connection{'s' * (connections > 1)}")
        print(f"{'':24}{'p50 ms':>9}{'p99 ms':>9}{'CPU ms':>9}{'server':>9}{'Feast':>9}{'req/s':>9}")
        for asked in ASKED:
            each = figures[asked]
            print(
                f"{asked:24}{each['p50_ms']:9.2f}{each['p99_ms']:9.2f}{each['cpu_ms']:9.2f}"
                f"{each['server_cpu_ms']:9.2f}{each['feast_cpu_ms']:9.2f}{each['requests_per_s']:9.0f}"
            )
        more = figures["added"]
        print(f"{'the lookup adds':24}" + "".join(f"{more[key]:9.2f}" for key in ADDED))
        print(f"{'that by the floor':24}" + "".join(f"{more[f'{key}_by_floor']:9.2f}" for key in ADDED))


def main() -> None:
    """Parse the command line, run, print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.features", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    parser.add_argument("--entities", type=int, default=10_000)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    arguments = parser.parse_args()
    found: dict[tuple[int, int], dict[str, Figures]] = {}
    with tempfile.TemporaryDirectory() as name, running(Path(name), arguments.entities) as world:
        for rows, connections in SCENARIOS:
            taken: dict[str, list[Figures]] = {asked: [] for asked in ASKED}
            for _ in range(arguments.rounds):
                for asked in ASKED:
                    taken[asked].append(
                        measure(world, asked, rows, connections, arguments.seconds, Path(name))
                    )
            found[rows, connections] = {
                asked: {key: median(each[key] for each in figures) for key in figures[0]}
                for asked, figures in taken.items()
            } | {"added": added(taken)}
    if arguments.json:
        named = {
            f"{rows} rows, {connections} connections": each for (rows, connections), each in found.items()
        }
        arguments.json.write_text(json.dumps(named, indent=2))
    show(found)


if __name__ == "__main__":
    main()
