"""Takes events and answers 202, as cheaply as it can; a process of its own, so that its CPU is nobody else's.

Run by the benchmark: `python -m benchmarks.serving.sink`; prints its port, ends with its standard input.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from types import TracebackType
from typing import Self, cast

import uvloop

_ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


class Connection(asyncio.Protocol):
    """Reads requests by their Content-Length; keeps nothing of them."""

    def __init__(self) -> None:
        self._head = b""
        self._left = 0
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's do not inherit from asyncio's

    def data_received(self, data: bytes) -> None:
        if self._left == 0:
            head, found, data = (self._head + data).partition(b"\r\n\r\n")
            if not found:
                self._head = head
                return
            _, _, length = head.lower().partition(b"content-length:")
            self._head, self._left = b"", int(length.partition(b"\r\n")[0])
        self._left -= len(data)
        if self._left == 0:
            self._transport.write(_ACCEPTED)


async def take() -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


class Sink:
    """A running sink; `url` is where events are sent."""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "benchmarks.serving.sink"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}/events"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()


if __name__ == "__main__":
    uvloop.run(take())
