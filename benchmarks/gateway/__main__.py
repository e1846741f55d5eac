"""Measure the local runtime's gateway on loopback: `python -m benchmarks.gateway` (about a minute).

Requests go through it to a Service that only echoes: CPU of the runtime's process per request and how long
answers take, for a body of 1 KiB and one of 1 MiB; then how many requests fail while traffic moves between
two revisions, the one without traffic being stopped each time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import requests
import uvloop

from benchmarks.serving.load import Run, send

_SERVICE = "/apis/serving.knative.dev/v1/namespaces/default/services/echo"
_SIZES = {"1 KiB": 1 << 10, "1 MiB": 1 << 20}


def service(revision: str, traffic: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the Service whose newest revision is `revision`."""
    container = {"image": "echo", "command": [sys.executable, "-m", "benchmarks.gateway.echo"]}
    template = {"metadata": {"name": revision}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": "echo", "namespace": "default"},
        "spec": {"template": template, "traffic": traffic},
    }


@contextmanager
def runtime(folder: Path) -> Iterator[tuple[int, str, psutil.Process]]:
    """Run the runtime with that Service; give the gateway's port, the API's address, the process."""
    manifests, state = folder / "echo.json", folder / "state"
    manifests.write_text(json.dumps(service("echo-a", [{"revisionName": "echo-a", "percent": 100}])))
    command = [
        sys.executable,
        "-m",
        "knative.local",
        "--manifests",
        str(manifests),
        "--state-dir",
        str(state),
    ]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--gateway-port", "0", "--api-port", "0", "--idle-s", "1"], stdout=log, stderr=log
        )
    try:
        while not (state / "endpoints.json").exists():
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.05)
        told = json.loads((state / "endpoints.json").read_text())
        token = (state / "api-token").read_text().strip()
        api = told["api"].replace("http://", f"http://kascade:{token}@")
        yield int(told["gateway"].rpartition(":")[2]), api, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)


def request(size: int) -> bytes:
    """Return a request with a body of `size` bytes."""
    head = "POST /-/services/default/echo/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {size}\r\n\r\n".encode() + os.urandom(size)


def measure(
    port: int, process: psutil.Process, size: int, connections: int, seconds: float
) -> dict[str, float]:
    """Send for some seconds; return the figures."""
    run = Run(request(size))
    before = sum(process.cpu_times()[:2])
    uvloop.run(send(run, port, connections, seconds))
    used = sum(process.cpu_times()[:2]) - before
    assert not run.bad, run.bad[0]
    ordered = sorted(run.seconds)
    count = len(ordered)
    return {
        "CPU ms per request": used / count * 1e3,
        "requests/s": count / seconds,
        "p50 ms": ordered[count // 2] * 1e3,
        "p99 ms": ordered[int(count * 0.99)] * 1e3,
    }


def shift(port: int, api: str, seconds: float) -> tuple[int, int]:
    """Move the traffic to and fro between two revisions under load; return requests answered and failed."""
    headers = {"Content-Type": "application/merge-patch+json"}

    def move(percents: dict[str, int]) -> None:
        traffic = [{"revisionName": name, "percent": percent} for name, percent in percents.items()]
        body = {"spec": {"traffic": traffic}}
        requests.patch(api + _SERVICE, json=body, headers=headers, timeout=10).raise_for_status()

    def move_on() -> None:
        requests.patch(
            api + _SERVICE,
            json=service("echo-b", [{"revisionName": "echo-a", "percent": 100}]),
            headers=headers,
            timeout=10,
        ).raise_for_status()
        until = time.monotonic() + seconds - 1
        steps = [{"echo-a": 90, "echo-b": 10}, {"echo-a": 50, "echo-b": 50}, {"echo-b": 100}, {"echo-a": 100}]
        while time.monotonic() < until:
            for percents in steps:
                move(percents)
                time.sleep(
                    0.5 if len(percents) > 1 else 2.5
                )  # longer than --idle-s: the other one is stopped

    async def both() -> Run:
        run = Run(request(1 << 10))
        await asyncio.gather(send(run, port, 16, seconds), asyncio.to_thread(move_on))
        return run

    run = uvloop.run(both())
    return len(run.seconds), len(run.bad)


def main() -> None:
    """Parse the command line, measure, print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, runtime(Path(folder)) as (port, api, process):
        measure(port, process, 1 << 10, 16, 1)
        for name, size in _SIZES.items():
            for connections in (1, 16):
                rounds = [
                    measure(port, process, size, connections, given.seconds) for _ in range(given.rounds)
                ]
                figures = [f"{key} {median(each[key] for each in rounds):.3f}" for key in rounds[0]]
                print(f"{name}, {connections} connections: {', '.join(figures)}")
        print(f"memory MB: {process.memory_info().rss / 1e6:.0f}")
        answered, failed = shift(port, api, 20)
        print(f"while traffic moved between two revisions: {answered} answered, {failed} failed")


if __name__ == "__main__":
    main()
