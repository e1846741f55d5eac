"""The server's side of HTTP/1.1: bytes of one connection into exchanges, one answered after the other."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import cast

import httptools

from knative.local.gateway.exchange import Exchange, Headers

_MAX_HEAD = 64 * 1024
_MAX_PIPELINED = 16
IDLE_S = 75.0

Handle = Callable[[Exchange], None]


class Connection(asyncio.Protocol):
    """One client's connection; requests sent ahead wait for their turn."""

    transport: asyncio.Transport

    def __init__(self, handle: Handle, open_connections: set[Connection]) -> None:
        self._handle = handle
        self._open = open_connections
        self._parser = httptools.HttpRequestParser(self)
        self._head: Headers = []
        self._head_size = 0
        self._method = self._version = b""
        self._target = b""
        self._arriving: Exchange | None = None
        self._waiting: deque[Exchange] = deque()
        self.current: Exchange | None = None
        self._stopped_for: set[str] = set()
        self._closing = False
        self.idle_since = time.monotonic()
        self.peer = "127.0.0.1"

    # The transport's callbacks.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        # uvloop's transports have the methods, not the base class.
        self.transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.peer = str(peer[0]) if peer else self.peer
        self._open.add(self)

    def data_received(self, data: bytes) -> None:
        """Parse what arrived."""
        while data:
            try:
                self._parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                if self._must_upgrade():
                    self._refuse(501, b"upgrading the connection is not supported\n")
                    return
                data = self._start_over() + data[upgrade.args[0] :]
            except httptools.HttpParserError as error:
                self._refuse(400, f"not HTTP/1.1: {error}\n".encode())
                return

    def eof_received(self) -> bool:
        """Keep the connection half open while an answer to a whole request is under way."""
        self._closing = True
        broken, self._arriving = self._arriving, None
        if broken is not None and broken in self._waiting:
            self._waiting.remove(broken)
            broken.leave()
        return self.current not in (None, broken)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the requests in hand that nobody waits for them."""
        self._open.discard(self)
        for exchange in (self.current, self._arriving, *self._waiting):
            if exchange is not None:
                exchange.leave()

    def pause_writing(self) -> None:
        """Have the answer wait for a slow reader."""
        if self.current is not None and self.current.throttle is not None:
            self.current.throttle(True)

    def resume_writing(self) -> None:
        """Go on with the answer."""
        if self.current is not None and self.current.throttle is not None:
            self.current.throttle(False)

    # The parser's callbacks.

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._head, self._head_size, self._target = [], 0, b""

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target."""
        self._target += url
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._head.append((name.lower(), value))
        self._count(len(name) + len(value))

    def on_headers_complete(self) -> None:
        """Hand the request on; its body follows."""
        method = self._parser.get_method()
        if self._parser.should_upgrade():
            self._method, self._version = method, self._parser.get_http_version().encode()
            return  # the parser stops here, and so knows nothing of a body: see `data_received`
        exchange = Exchange(self, method, self._target, self._head, self._parser.get_http_version() == "1.0")
        exchange.keep_alive = self._parser.should_keep_alive()
        self._arriving = exchange
        if exchange.header(b"expect").lower() == b"100-continue":
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._waiting.append(exchange)
        if len(self._waiting) > _MAX_PIPELINED:
            self._stop_reading("pipelined")
        self._next()

    def on_body(self, data: bytes) -> None:
        """Hand on a piece of the body."""
        if self._arriving is not None:
            self._arriving.body_arrived(data)
            if self._arriving.backed_up:
                self._stop_reading("backed up")

    def on_message_complete(self) -> None:
        """End a request."""
        if self._arriving is not None:
            arrived, self._arriving = self._arriving, None
            arrived.body_ended()

    # What exchanges tell.

    def finished(self, exchange: Exchange) -> None:
        """Go on to the next request, or close."""
        if exchange is not self.current:
            return
        self.current = None
        # A body that nobody read to its end would be taken for the next request.
        unread = self._arriving is exchange
        if not exchange.keep_alive or unread or (self._closing and not self._waiting):
            self.transport.close()
            return
        self._go_on_reading("pipelined")
        self._go_on_reading("body")
        self.idle_since = time.monotonic()
        self._next()

    def go_on(self, exchange: Exchange) -> None:
        """Go on reading a body for which there is now someone to take it."""
        self._go_on_reading("backed up")

    def limit_reading(self, exchange: Exchange, *, stop: bool) -> None:
        """Stop, or go on, reading the body of `exchange`."""
        if stop:
            self._stop_reading("body")
        else:
            self._go_on_reading("body")

    def close_when_idle(self) -> None:
        """Take no more requests after the one in hand."""
        self._closing = True
        if self.current is None:
            self.transport.close()
        else:
            self.current.keep_alive = False

    def _next(self) -> None:
        if self.current is not None or not self._waiting:
            return
        self.current = self._waiting.popleft()
        self._handle(self.current)

    def leave_if_idle(self, now: float) -> None:
        """Close a connection that nobody has used for long."""
        if self.current is None and now - self.idle_since > IDLE_S:
            self.transport.close()

    def _must_upgrade(self) -> bool:
        """Say whether a client cannot do without its upgrade; one that offers HTTP/2 (h2c) can."""
        asked = b",".join(value.lower() for name, value in self._head if name == b"upgrade")
        return self._method == b"CONNECT" or b"websocket" in asked

    def _start_over(self) -> bytes:
        """Return the head that asks to upgrade without that wish, for a parser that reads its body too."""
        lines = [b"%s: %s\r\n" % header for header in self._head if header[0] != b"upgrade"]
        self._parser = httptools.HttpRequestParser(self)
        start = b"%s %s HTTP/%s\r\n" % (self._method, self._target, self._version)
        return start + b"".join(lines) + b"\r\n"

    def _count(self, size: int) -> None:
        self._head_size += size
        if self._head_size > _MAX_HEAD:
            raise httptools.HttpParserError("the head of the request is too large")

    def _refuse(self, status: int, body: bytes) -> None:
        if self.current is not None and self.current.started:
            self.transport.abort()
            return
        refused = Exchange(self, b"GET", b"", [], http_1_0=False)
        refused.keep_alive = False
        if self.current is not None:
            self.current.leave()
        self.current = refused
        refused.answer(status, body)

    def _stop_reading(self, why: str) -> None:
        if not self._stopped_for:
            self.transport.pause_reading()
        self._stopped_for.add(why)

    def _go_on_reading(self, why: str) -> None:
        if why in self._stopped_for:
            self._stopped_for.discard(why)
            if not self._stopped_for and not self.transport.is_closing():
                self.transport.resume_reading()
