"""Sends one request again and again over some connections; a process of its own, on raw sockets.

Run by the benchmark: `python -m benchmarks.serving.load '{"port": ..., ...}'`; prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import psutil
import uvloop


@dataclass
class Run:
    """One measurement: the request, until when it is sent, and the seconds of each answer."""

    request: bytes
    until: float = 0.0
    seconds: list[float] = field(default_factory=list)
    bad: list[bytes] = field(default_factory=list)
    open: int = 0


class Connection(asyncio.Protocol):
    """Sends the next request when the last one is answered."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._received = b""
        self._sent = 0.0
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's do not inherit from asyncio's
        self._run.open += 1
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        self._run.open -= 1

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or len(body) < _content_length(head):
            return
        now = time.perf_counter()
        self._run.seconds.append(now - self._sent)
        if not head.startswith(b"HTTP/1.1 200"):
            self._run.bad.append(self._received[:500])
        self._received = b""
        if now < self._run.until and not self._run.bad:
            self._send()
        else:
            self._transport.close()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._run.request)


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    raise ValueError(f"no content-length: {head!r}")


async def send(run: Run, port: int, connections: int, seconds: float) -> None:
    """Send over `connections` connections for some seconds."""
    loop = asyncio.get_running_loop()
    run.until = time.perf_counter() + seconds
    for _ in range(connections):
        await loop.create_connection(lambda: Connection(run), "127.0.0.1", port)
    while run.open:
        await asyncio.sleep(0.005)


def cpu_s(pid: int) -> float:
    """Return the CPU seconds that a process and its children have used."""
    top = psutil.Process(pid)
    return sum(sum(each.cpu_times()[:2]) for each in [top, *top.children(recursive=True)])


def settle(pid: int, pause_s: float) -> None:
    """Wait until a process has used no CPU for `pause_s`: what it does after its answers counts as well."""
    until = time.monotonic() + 15
    used = cpu_s(pid)
    while time.monotonic() < until:
        time.sleep(pause_s)
        before, used = used, cpu_s(pid)
        if used - before < 0.02:
            return


def main() -> None:
    """Measure as the argument says."""
    asked = json.loads(sys.argv[1])
    body = Path(asked["body"]).read_bytes()
    head = (
        f"POST {asked['path']} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    run = Run(head.encode() + body)
    uvloop.run(send(run, asked["port"], asked["connections"], asked["warm_s"]))
    run.seconds.clear()
    if asked["settle_s"]:
        settle(asked["pid"], asked["settle_s"])
    before = cpu_s(asked["pid"])
    uvloop.run(send(run, asked["port"], asked["connections"], asked["seconds"]))
    if asked["settle_s"]:
        settle(asked["pid"], asked["settle_s"])
    used = cpu_s(asked["pid"]) - before
    assert not run.bad, run.bad[0]
    ordered = sorted(run.seconds)
    count = len(ordered)
    print(
        json.dumps(
            {
                "requests_per_s": count / asked["seconds"],
                "cpu_ms": used / count * 1000,
                "p50_ms": ordered[count // 2] * 1000,
                "p99_ms": ordered[int(count * 0.99)] * 1000,
            }
        )
    )


if __name__ == "__main__":
    main()
