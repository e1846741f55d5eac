"""The client's side of HTTP/1.1: connections to replicas, kept open between requests."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from typing import cast

import httptools

from knative.local.gateway.exchange import Exchange, Headers

_KEPT_S = 1.0
"""How long an idle connection is trusted. gunicorn closes its own after two seconds."""
HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection"}
    | {b"te", b"trailer", b"transfer-encoding", b"upgrade"}
)


class Lost(Exception):
    """The connection ended before the answer was complete."""


class Upstream(asyncio.Protocol):
    """One connection to one process; passes one answer at a time on to its exchange."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._exchange: Exchange | None = None
        self._answered: asyncio.Future[None] | None = None
        self._first_byte: asyncio.TimerHandle | None = None
        self._headers: Headers = []
        self._reason = b""
        self._length: int | None = None
        self._chunked_request = False
        self._interim = False
        self._told_chunked = False
        self.reusable = True
        self.used = False
        self.idle_since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        # uvloop's transports have the methods, not the base class.
        self.transport = cast(asyncio.Transport, transport)

    def start(
        self, exchange: Exchange, head: bytes, *, chunked: bool, timeout_s: float
    ) -> asyncio.Future[None]:
        """Send a request; the future is done when its answer was passed on whole.

        The future fails with Lost when the connection breaks, with TimeoutError when the first byte of the
        answer takes longer than `timeout_s` seconds.
        """
        loop = asyncio.get_running_loop()
        self._exchange = exchange
        self._answered = loop.create_future()
        self._chunked_request = chunked
        self._first_byte = loop.call_later(timeout_s, self._fail, TimeoutError())
        exchange.throttle, exchange.when_gone = self._throttle, self.cancel
        self.transport.write(head)
        exchange.pour_into(self)
        return self._answered

    def write_body(self, data: bytes) -> None:
        """Send a piece of the request's body."""
        self.transport.write(b"%x\r\n%s\r\n" % (len(data), data) if self._chunked_request else data)

    def end_body(self) -> None:
        """End the request's body."""
        if self._chunked_request:
            self.transport.write(b"0\r\n\r\n")

    def pause_writing(self) -> None:
        """Have the client wait while the process reads slowly."""
        if self._exchange is not None:
            self._exchange.client.limit_reading(self._exchange, stop=True)

    def resume_writing(self) -> None:
        """Let the client go on."""
        if self._exchange is not None:
            self._exchange.client.limit_reading(self._exchange, stop=False)

    def data_received(self, data: bytes) -> None:
        """Parse what arrived."""
        if self._exchange is None:
            self.transport.close()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(Lost(f"it does not speak HTTP/1.1: {error}"))

    def eof_received(self) -> None:
        """End an answer whose length nobody told."""
        open_ended = self._length is None and not self._told_chunked
        if self._exchange is not None and self._exchange.started and open_ended:
            self._complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell that the answer will not come."""
        self._fail(Lost(str(exc) if exc else "it closed the connection"))

    def cancel(self) -> None:
        """Give up on the answer."""
        self._fail(Lost("the client went away"))

    # The parser's callbacks.

    def on_message_begin(self) -> None:
        """Begin an answer."""
        self._headers, self._length, self._reason = [], None, b""
        self._told_chunked = False

    def on_status(self, status: bytes) -> None:
        """Take the reason phrase."""
        self._reason += status

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; those of this connection alone are not passed on."""
        key = name.lower()
        if key == b"content-length":
            self._length = int(value)
        elif key == b"transfer-encoding":
            self._told_chunked = b"chunked" in value.lower()
        elif key not in HOP_BY_HOP:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Pass the head on."""
        status = self._parser.get_status_code()
        self._interim = 100 <= status < 200
        exchange = self._exchange
        if self._interim or exchange is None:
            return
        if self._first_byte is not None:
            self._first_byte.cancel()
        bodiless = status in (204, 304) or exchange.method == b"HEAD"
        delimited = self._length is not None or self._told_chunked or bodiless
        self.reusable = self._parser.should_keep_alive() and delimited
        if not exchange.done:
            exchange.begin(status, self._headers, length=self._length, reason=self._reason)
        if exchange.method == b"HEAD":
            # The parser would wait for the body that the head announces.
            self.reusable = False
            self._complete()

    def on_body(self, data: bytes) -> None:
        """Pass a piece of the body on."""
        if self._exchange is not None and not self._exchange.done:
            self._exchange.write(data)

    def on_message_complete(self) -> None:
        """End the answer."""
        if not self._interim:
            self._complete()

    def _complete(self) -> None:
        exchange, self._exchange = self._exchange, None
        answered, self._answered = self._answered, None
        if exchange is None or answered is None:
            return
        exchange.throttle = exchange.when_gone = None
        self._throttle(False)  # a slow reader's pause ends with its answer
        self.reusable = self.reusable and exchange.body_complete
        self.used, self.idle_since = True, time.monotonic()
        exchange.end()
        if not answered.done():
            answered.set_result(None)

    def _fail(self, error: Exception) -> None:
        if self._first_byte is not None:
            self._first_byte.cancel()
        answered, self._answered = self._answered, None
        if self._exchange is not None:
            self._exchange.throttle = self._exchange.when_gone = None
        self._exchange, self.reusable = None, False
        if answered is not None and not answered.done():
            answered.set_exception(error)
        if not self.transport.is_closing():
            self.transport.abort()

    def _throttle(self, stop: bool) -> None:
        if self.transport.is_closing():
            return
        if stop:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()


class Upstreams:
    """Idle connections by port."""

    def __init__(self) -> None:
        self._idle: dict[int, list[Upstream]] = defaultdict(list)

    def idle(self, port: int) -> Upstream | None:
        """Return an open idle connection to `port`, or None."""
        kept = self._idle.get(port)
        now = time.monotonic()
        while kept:
            connection = kept.pop()
            if not connection.transport.is_closing() and now - connection.idle_since < _KEPT_S:
                return connection
            connection.transport.close()
        return None

    async def connect(self, port: int) -> Upstream:
        """Open a connection to `port`. Raises OSError when nobody takes it."""
        _, connection = await asyncio.get_running_loop().create_connection(Upstream, "127.0.0.1", port)
        return connection

    def keep(self, port: int, connection: Upstream) -> None:
        """Keep a connection for the next request, or close it."""
        if connection.reusable and not connection.transport.is_closing():
            self._idle[port].append(connection)
        else:
            connection.transport.close()

    def forget(self, port: int) -> None:
        """Close the idle connections to `port`."""
        for connection in self._idle.pop(port, ()):
            connection.transport.close()

    def sweep(self) -> None:
        """Close what has been idle too long."""
        before = time.monotonic() - _KEPT_S
        for port, kept in list(self._idle.items()):
            fresh = [each for each in kept if each.idle_since >= before]
            for each in kept:
                if each.idle_since < before:
                    each.transport.close()
            if fresh:
                self._idle[port] = fresh
            else:
                del self._idle[port]

    def close(self) -> None:
        """Close every idle connection."""
        for port in list(self._idle):
            self.forget(port)
