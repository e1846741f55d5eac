"""A connection to a process, without a wire."""

from __future__ import annotations

import asyncio
from typing import Any

from knative.local.gateway.exchange import Exchange
from knative.local.gateway.upstream import Upstream


class Wire(asyncio.Transport):
    """A transport that only knows whether it reads."""

    reads = True

    def write(self, data: Any) -> None:
        pass

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True


class SlowClient:
    """A client whose connection is full with the first byte of an answer."""

    peer = "127.0.0.1"

    def __init__(self) -> None:
        self.transport = FullWire(self)
        self.exchange = Exchange(self, b"GET", b"/", [], http_1_0=False)

    def finished(self, exchange: Exchange) -> None:
        pass

    def go_on(self, exchange: Exchange) -> None:
        pass

    def limit_reading(self, exchange: Exchange, *, stop: bool) -> None:
        pass


class FullWire(Wire):
    """The transport of that client."""

    def __init__(self, client: SlowClient) -> None:
        super().__init__()
        self.client = client

    def write(self, data: Any) -> None:
        assert self.client.exchange.throttle is not None
        self.client.exchange.throttle(True)


def test_a_connection_kept_after_an_answer_to_a_slow_reader_reads_on() -> None:
    async def scenario() -> None:
        upstream, wire = Upstream(), Wire()
        upstream.connection_made(wire)
        exchange = SlowClient().exchange
        exchange.body_ended()
        answered = upstream.start(exchange, b"", chunked=False, timeout_s=5)

        upstream.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
        assert not wire.reads
        upstream.data_received(b"k")

        await answered
        assert upstream.reusable
        assert wire.reads

    asyncio.run(scenario())
