"""A producer that costs little: events of 1 KiB in binary mode, at a pace or as fast as answers come."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from typing import cast

import uvloop

BODY = json.dumps({"text": "x" * 1013}).encode()
HEAD = (
    b"POST /kascade/default HTTP/1.1\r\nHost: localhost\r\nce-specversion: 1.0\r\nce-id: %b-%d\r\n"
    b"ce-type: dev.kascade.bench0\r\nce-source: /benchmarks/broker\r\nce-time: 2026-11-23T08:00:00Z\r\n"
    b"ce-sentns: %d\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
)


class Sender(asyncio.Protocol):
    """One connection that sends an event and waits for the answer."""

    def __init__(self) -> None:
        self.answered: asyncio.Future[bool] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self.answered is not None and not self.answered.done():
            self.answered.set_result(data.startswith(b"HTTP/1.1 202"))

    def connection_lost(self, exc: Exception | None) -> None:
        if self.answered is not None and not self.answered.done():
            self.answered.set_exception(ConnectionResetError("the broker is gone"))

    async def send(self, run: bytes, number: int) -> bool:
        """Send an event; return whether it was accepted."""
        self.answered = asyncio.get_running_loop().create_future()
        self.transport.write(HEAD % (run, number, time.monotonic_ns(), len(BODY)) + BODY)
        return await self.answered


async def connect(port: int, count: int) -> list[Sender]:
    """Open `count` connections."""
    loop = asyncio.get_running_loop()
    return [(await loop.create_connection(Sender, "127.0.0.1", port))[1] for _ in range(count)]


async def pace(port: int, run: bytes, rate: float, events: int) -> dict[str, object]:
    """Send `events` at `rate` a second, whatever the answers do; report how long each answer took."""
    free = await connect(port, 16)
    answers: list[float] = []
    accepted = 0

    async def one(number: int) -> None:
        nonlocal accepted
        sender = free.pop() if free else (await connect(port, 1))[0]
        start = time.perf_counter()
        taken = await sender.send(run, number)
        accepted += taken
        answers.append((time.perf_counter() - start) * 1e3)
        free.append(sender)

    tasks = []
    start = time.perf_counter()
    for number in range(events):
        await asyncio.sleep(max(0.0, start + number / rate - time.perf_counter()))
        tasks.append(asyncio.create_task(one(number)))
    await asyncio.gather(*tasks)
    return {"accepted": accepted, "answers_ms": answers}


async def flood(port: int, run: bytes, senders: int, events: int) -> dict[str, object]:
    """Send `events` over `senders` connections, each as soon as its last one is answered."""
    numbers = iter(range(events))
    start = time.monotonic_ns()

    async def worker(sender: Sender) -> int:
        return sum([await sender.send(run, number) for number in numbers])

    accepted = sum(await asyncio.gather(*(worker(each) for each in await connect(port, senders))))
    return {"accepted": accepted, "start": start, "end": time.monotonic_ns()}


def main() -> None:
    """Parse the command line, send, print a JSON report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=("pace", "flood"))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--run", default="r")
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--senders", type=int, default=32)
    parser.add_argument("--events", type=int, default=1000)
    given = parser.parse_args()
    run = given.run.encode()
    if given.mode == "pace":
        work = pace(given.port, run, given.rate, given.events)
    else:
        work = flood(given.port, run, given.senders, given.events)
    print(json.dumps(uvloop.run(work)))


if __name__ == "__main__":
    main()
