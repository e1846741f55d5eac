"""One request on its way through the gateway, and how it is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol

from knative.local.errors import NotServed

Headers = list[tuple[bytes, bytes]]
_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_HIGH_WATER = 256 * 1024


class Outlet(Protocol):
    """Where the body of a request goes as it arrives."""

    def write_body(self, data: bytes) -> None:
        """Take a piece of the body."""
        ...

    def end_body(self) -> None:
        """Know that the body is complete."""
        ...


class Client(Protocol):
    """The connection a request came by."""

    transport: asyncio.Transport
    peer: str

    def finished(self, exchange: Exchange) -> None:
        """Know that the answer to `exchange` is complete."""
        ...

    def go_on(self, exchange: Exchange) -> None:
        """Go on reading a body for which there is now someone to take it."""
        ...

    def limit_reading(self, exchange: Exchange, *, stop: bool) -> None:
        """Stop, or go on, reading the body of `exchange`."""
        ...


class Exchange:
    """A request whose body may still arrive, and its answer as it is written."""

    def __init__(
        self, client: Client, method: bytes, target: bytes, headers: Headers, http_1_0: bool
    ) -> None:
        self.client = client
        self.method = method
        self.target = target
        self.headers = headers
        self.keep_alive = True
        self.started = False
        self.done = False
        self.throttle: Callable[[bool], None] | None = None
        self.when_gone: Callable[[], None] | None = None
        self._http_1_0 = http_1_0
        self._chunked = False
        self._buffer = bytearray()
        self._complete = False
        self._no_more = asyncio.Event()
        self._outlet: Outlet | None = None
        self._wanted_whole = False

    def header(self, name: bytes) -> bytes:
        """Return a request header by its lower-case name, empty when absent."""
        return next((value for key, value in self.headers if key == name), b"")

    def body_arrived(self, data: bytes) -> None:
        """Take a piece of the request's body from the wire."""
        if self._outlet is not None:
            self._outlet.write_body(data)
            return
        self._buffer += data

    def body_ended(self) -> None:
        """Know that the request's body is complete."""
        self._complete = True
        self._no_more.set()
        if self._outlet is not None:
            self._outlet.end_body()

    async def body(self) -> bytes:
        """Return the whole body of the request.

        Raises:
            NotServed: the client left before it had sent all of it.
        """
        self._wanted_whole = True
        self.client.go_on(self)
        await self._no_more.wait()
        if not self._complete:
            raise NotServed(400, "the request broke off")
        return bytes(self._buffer)

    def pour_into(self, outlet: Outlet) -> None:
        """Send the body to `outlet`: what has arrived at once, the rest as it comes."""
        if self._buffer:
            outlet.write_body(bytes(self._buffer))
        if self._complete:
            outlet.end_body()
        else:
            # From here on what arrived is gone: the request cannot be sent a second time.
            self._buffer.clear()
            self._outlet = outlet
            self.client.go_on(self)

    @property
    def body_complete(self) -> bool:
        """Whether all of the request's body has arrived."""
        return self._complete

    @property
    def can_repeat(self) -> bool:
        """Whether the whole body is still here, so that the request can be sent again."""
        return self._complete and self._outlet is None

    @property
    def backed_up(self) -> bool:
        """Whether more of the body waits here than is good."""
        return self._outlet is None and not self._wanted_whole and len(self._buffer) > _HIGH_WATER

    def begin(self, status: int, headers: Headers, *, length: int | None, reason: bytes = b"") -> None:
        """Write the head of the answer; without a length the body goes in chunks."""
        self.started = True
        bodiless = status < 200 or status in (204, 304) or self.method == b"HEAD"
        lines = [b"HTTP/1.1 %d %s\r\n" % (status, reason or _REASONS.get(status, b""))]
        lines += [b"%s: %s\r\n" % header for header in headers]
        if length is not None:
            lines.append(b"content-length: %d\r\n" % length)
        elif not bodiless and self._http_1_0:
            self.keep_alive = False
        elif not bodiless:
            self._chunked = True
            lines.append(b"transfer-encoding: chunked\r\n")
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        lines.append(b"\r\n")
        self.client.transport.write(b"".join(lines))

    def write(self, data: bytes) -> None:
        """Write a piece of the answer's body."""
        if self._chunked:
            data = b"%x\r\n%s\r\n" % (len(data), data)
        self.client.transport.write(data)

    def end(self) -> None:
        """Complete the answer."""
        if self.done:
            return
        if self._chunked:
            self.client.transport.write(b"0\r\n\r\n")
        self.done = True
        self.client.finished(self)

    def leave(self) -> None:
        """Know that nobody waits for the answer any more."""
        self.done = True
        self._no_more.set()
        if self.when_gone is not None:
            self.when_gone()

    def break_off(self) -> None:
        """Cut the connection: the answer cannot be completed."""
        self.done = True
        self.keep_alive = False
        self.client.finished(self)

    def answer(self, status: int, body: bytes = b"", headers: Headers | None = None) -> None:
        """Write a whole answer, unless nobody waits for it."""
        if self.done:
            return
        length = None if status == 204 else len(body)
        self.begin(status, headers or [(b"content-type", b"text/plain; charset=utf-8")], length=length)
        if body and self.method != b"HEAD":
            self.client.transport.write(body)
        self.end()
