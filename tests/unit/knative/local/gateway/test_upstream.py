"""A connection to a process, without a wire."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from knative.local.gateway.upstream import ConnectionLost, Upstream


class Wire(asyncio.Transport):
    """A transport that knows whether it reads, and what was written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.reads, self.closed, self.written = True, False, b""

    def write(self, data: Any) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True


def play(scenario: Callable[[Upstream, Wire, Callable[[], Awaitable[None]]], Awaitable[None]]) -> None:
    """Run a scenario with a connection, its wire, and what sends a request and awaits the answer's head."""

    async def run() -> None:
        upstream, wire = Upstream(), Wire()
        upstream.connection_made(wire)

        async def ask() -> None:
            await upstream.send(b"GET / HTTP/1.1\r\n\r\n", b"", chunked=False, bodiless=False)

        await scenario(upstream, wire, ask)

    asyncio.run(run())


async def begin(ask: Callable[[], Awaitable[None]]) -> asyncio.Future[None]:
    """Send a request; the answer is still to come."""
    asking = asyncio.ensure_future(ask())
    await asyncio.sleep(0)
    return asking


def test_a_reader_that_is_slow_stops_the_answer_and_the_connection_reads_on_after_it() -> None:
    async def scenario(upstream: Upstream, wire: Wire, ask: Callable[[], Awaitable[None]]) -> None:
        asking, size = await begin(ask), 1 << 20
        upstream.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        await asking
        upstream.data_received(b"x" * (size - 1))
        assert not wire.reads
        upstream.data_received(b"y")

        assert b"".join([piece async for piece in upstream.pieces()]) == b"x" * (size - 1) + b"y"
        assert wire.reads
        assert upstream.is_free

    play(scenario)


def test_an_answer_of_which_nothing_is_left_is_not_found_in_the_next_one() -> None:
    async def scenario(upstream: Upstream, wire: Wire, ask: Callable[[], Awaitable[None]]) -> None:
        for word in (b"one", b"two"):
            asking = await begin(ask)
            upstream.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n" + word)
            await asking
            assert upstream.whole() == word
            assert upstream.is_free

    play(scenario)


def test_a_connection_on_which_more_comes_than_was_asked_for_is_not_used_again() -> None:
    async def scenario(upstream: Upstream, wire: Wire, ask: Callable[[], Awaitable[None]]) -> None:
        asking = await begin(ask)
        upstream.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await asking
        upstream.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad")

        assert upstream.whole() == b"ok"
        assert not upstream.is_free
        assert wire.closed

    play(scenario)


def test_an_answer_cut_off_is_lost() -> None:
    async def scenario(upstream: Upstream, wire: Wire, ask: Callable[[], Awaitable[None]]) -> None:
        asking = await begin(ask)
        upstream.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        await asking
        upstream.eof_received()
        upstream.connection_lost(None)

        with pytest.raises(ConnectionLost):
            _ = [piece async for piece in upstream.pieces()]

    play(scenario)
