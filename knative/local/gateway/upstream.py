"""The client's side of HTTP/1.1: connections to processes of this machine, kept open between requests.

Why this is not aiohttp's client: docs/decisions/2026-11-29-gateway-http.md.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import cast

import httptools
from aiohttp import StreamReader

_KEPT_S = 1.0
"""How long an idle connection is trusted. gunicorn closes its own after two seconds."""
_HIGH_WATER = 256 * 1024

Headers = list[tuple[bytes, bytes]]


class ConnectionLost(Exception):
    """The connection ended before the answer was complete."""


class Upstream(asyncio.Protocol):
    """One connection to one process: a request is sent, its answer read, then the next."""

    def __init__(self) -> None:
        self.status, self.reason = 0, b""
        self.headers: Headers = []
        self.used = False
        self.idle_since = 0.0
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport
        self._sending: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._pieces: list[bytes] = []
        self._held = 0
        self._headed = self._complete = self._reusable = False
        self._broken: Exception | None = None
        self._awaited: asyncio.Future[None] | None = None

    @property
    def is_closed(self) -> bool:
        """Whether either side has closed it."""
        return self._broken is not None or self._transport.is_closing()

    @property
    def is_free(self) -> bool:
        """Whether it can take another request: this one is sent and answered, and nobody wants to close."""
        sent = self._sending is None or self._sending.done()
        return self._complete and self._reusable and sent and not self.is_closed

    async def send(self, head: bytes, body: bytes | StreamReader, *, chunked: bool, bodiless: bool) -> None:
        """Send a request, and return when the head of its answer is there.

        Args:
            head: the request line and the headers, with the empty line after them.
            body: all of the body, or the rest of it as it arrives.
            chunked: whether a body that arrives goes in chunks.
            bodiless: whether the answer has no body whatever its headers say.

        Raises:
            ConnectionLost: the process closed the connection, or does not speak HTTP/1.1.
            aiohttp.web.RequestPayloadError: the body itself is broken.
        """
        self._headed = self._complete = False
        self._sending = None
        if isinstance(body, bytes):
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._sending = asyncio.ensure_future(self._pour(body, chunked))
        while not self._headed:
            await self._more()
        if bodiless and not self._complete:
            # The parser would wait for the body that the head announces.
            self._complete, self._reusable = True, False

    def whole(self) -> bytes | None:
        """Return the body of the answer if all of it has arrived with its head."""
        return b"".join(self._taken()) if self._complete else None

    async def pieces(self) -> AsyncIterator[bytes]:
        """Give the body of the answer as it arrives; raises ConnectionLost when it is cut off."""
        while True:
            for piece in self._taken():
                yield piece
            if self._complete and not self._pieces:
                return
            if not self._pieces:
                await self._more()

    def _taken(self) -> list[bytes]:
        pieces, self._pieces = self._pieces, []
        held, self._held = self._held, 0
        if held > _HIGH_WATER and not self._transport.is_closing():
            self._transport.resume_reading()
        return pieces

    def close(self) -> None:
        """Close the connection."""
        if self._sending is not None:
            self._sending.cancel()
        self._transport.close()

    async def _pour(self, body: StreamReader, chunked: bool) -> None:
        try:
            async for piece, _ in body.iter_chunks():
                if piece:  # an empty chunk would end the body
                    self._transport.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
                    await self._writable.wait()
            if chunked:
                self._transport.write(b"0\r\n\r\n")
        except Exception as error:  # the client's connection or its framing broke
            self._break(error)

    async def _more(self) -> None:
        """Wait for more of the answer."""
        if self._broken is not None:
            raise self._broken
        self._awaited = asyncio.get_running_loop().create_future()
        await self._awaited

    def _wake(self) -> None:
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_result(None)

    def _break(self, error: Exception) -> None:
        self._broken = self._broken or error
        self._writable.set()
        self._transport.abort()
        self._wake()

    # The transport's callbacks.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods, not the base class.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(_HIGH_WATER)
        self._writable.set()

    def pause_writing(self) -> None:
        """Have the client wait while the process reads slowly."""
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        if self._complete:
            return self._break(ConnectionLost("it sent more than its answer"))
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            return self._break(ConnectionLost(f"it does not speak HTTP/1.1: {error}"))
        return self._wake()

    def eof_received(self) -> None:
        """End an answer of unknown length."""
        if self._headed and not self._delimited():
            self._complete, self._reusable = True, False
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._break(ConnectionLost(str(exc) if exc else "it closed the connection"))

    def _delimited(self) -> bool:
        return any(
            name == b"content-length" or (name == b"transfer-encoding" and b"chunked" in value.lower())
            for name, value in self.headers
        )

    # The parser's callbacks.

    def on_message_begin(self) -> None:
        self.headers, self.reason = [], b""

    def on_status(self, status: bytes) -> None:
        self.reason += status

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Note that the head is there, unless it is an interim one."""
        self.status = self._parser.get_status_code()
        self._headed, self._reusable = self.status >= 200, self._parser.should_keep_alive()

    def on_body(self, data: bytes) -> None:
        """Take a piece of the body; reading stops while too much of it waits."""
        self._pieces.append(data)
        before, self._held = self._held, self._held + len(data)
        if before <= _HIGH_WATER < self._held:
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        """Note that the answer is complete, unless it is an interim one."""
        self._complete = self._headed


class Upstreams:
    """Idle connections by port."""

    def __init__(self) -> None:
        self._idle: dict[int, list[Upstream]] = defaultdict(list)
        self._timer: asyncio.TimerHandle | None = None

    def idle(self, port: int) -> Upstream | None:
        """Return an open idle connection to `port`, or None."""
        kept = self._idle.get(port)
        now = time.monotonic()
        while kept:
            connection = kept.pop()
            if not connection.is_closed and now - connection.idle_since < _KEPT_S:
                return connection
            connection.close()
        return None

    async def connect(self, port: int) -> Upstream:
        """Open a connection to `port`. Raises OSError when nobody takes it."""
        _, connection = await asyncio.get_running_loop().create_connection(Upstream, "127.0.0.1", port)
        return connection

    def keep(self, port: int, connection: Upstream) -> None:
        """Keep a connection for the next request, or close it."""
        if connection.is_free:
            connection.used, connection.idle_since = True, time.monotonic()
            self._idle[port].append(connection)
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(_KEPT_S, self._sweep)
        else:
            connection.close()

    def _sweep(self) -> None:
        """Close what has been idle too long; again later if something is left."""
        before = time.monotonic() - _KEPT_S
        for port, kept in list(self._idle.items()):
            self._idle[port] = [each for each in kept if each.idle_since > before]
            for each in kept:
                if each.idle_since <= before:
                    each.close()
            if not self._idle[port]:
                del self._idle[port]
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(_KEPT_S, self._sweep) if self._idle else None

    def close(self) -> None:
        """Close every idle connection."""
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()
        if self._timer is not None:
            self._timer.cancel()
