"""Asks the feature server for the newest values, over connections that stay open, within a deadline.

It runs on the event loop that answers requests and holds none of them up. The server's own parser reads the
answers, as it does for the log of predictions (posting.py).
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any
from urllib.parse import urlsplit

import httptools

from eventing.tls import trusting
from functions.serve_model.errors import NoFeatures

PATH = "/get-online-features"
MAX_ANSWER_BYTES = 32 << 20
_QUOTED_BYTES = 300


class FeatureServer:
    """A feature server, such as `feast serve`.

    Args:
        url: http or https; a path of it comes before the server's own.
        ca_certs: PEM of the CAs that an https server may be signed by, besides the system's.
    """

    def __init__(self, url: str, ca_certs: str | None = None) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = trusting(ca_certs) if parts.scheme == "https" else None
        self._head = (
            f"POST {parts.path.rstrip('/')}{PATH} HTTP/1.1\r\nHost: {parts.netloc.rpartition('@')[2]}\r\n"
            "Content-Type: application/json\r\nAccept: application/json\r\n"
        )
        self._idle: list[_Connection] = []

    async def ask(self, body: bytes, deadline_s: float) -> bytes:
        """Return the answer to a request. Raises: NoFeatures, at the latest when the deadline has passed."""
        request = f"{self._head}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body
        try:
            async with asyncio.timeout(deadline_s):
                status, answer = await self._exchange(request)
        except TimeoutError as error:
            raise NoFeatures("timeout", f"no answer within {deadline_s * 1000:g} ms") from error
        except httptools.HttpParserError as error:
            raise NoFeatures("garbled", f"what it answers is no HTTP: {error}") from error
        except OSError as error:
            raise NoFeatures("unreachable", f"{type(error).__name__}: {error}") from error
        if status != 200:
            text = answer[:_QUOTED_BYTES].decode(errors="replace")
            raise NoFeatures("refused", f"{status}: {text}")
        return answer

    async def close(self) -> None:
        """Close the connections that wait for a next question."""
        while self._idle:
            self._idle.pop().end()
        await asyncio.sleep(0)  # asyncio closes a socket in its next round

    async def _exchange(self, request: bytes) -> tuple[int, bytes]:
        loop = asyncio.get_running_loop()
        while self._idle:
            kept = self._idle.pop()
            if not kept.is_open_on(loop):
                continue
            try:
                return await self._over(kept, request)
            except ConnectionError:
                # The server may have closed an idle connection; a question may be asked twice.
                if kept.begun:
                    raise
        tls: ssl.SSLContext | None = self._tls
        _, made = await loop.create_connection(lambda: _Connection(loop), self._host, self._port, ssl=tls)
        return await self._over(made, request)

    async def _over(self, connection: _Connection, request: bytes) -> tuple[int, bytes]:
        try:
            answer = await connection.exchange(request)
        except BaseException:  # a cancelled one has an answer to come that nobody waits for
            connection.end()
            raise
        if connection.keeps:
            self._idle.append(connection)
        else:
            connection.end()
        return answer


class _Connection(asyncio.Protocol):
    """One connection with at most one request under way. `begun`: some of its answer has come."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: Any = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._parser: Any = None
        self._body = bytearray()
        self.begun = self.keeps = False

    def is_open_on(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Say whether a request may be sent, from this event loop."""
        return self._loop is loop and self._transport is not None and not self._transport.is_closing()

    async def exchange(self, request: bytes) -> tuple[int, bytes]:
        """Send a request; return the answer's status and body."""
        self._answer = self._loop.create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._body = bytearray()
        self.begun = self.keeps = False
        self._transport.write(request)
        return await self._answer

    def end(self) -> None:
        """Close it; what is under way fails."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        if self._answer is None or self._answer.done():
            self.end()  # nothing was asked
            return
        self.begun = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(error)
        if len(self._body) > MAX_ANSWER_BYTES:
            self._fail(httptools.HttpParserError(f"the answer has more than {MAX_ANSWER_BYTES} bytes"))

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self._transport = None
        self._fail(ConnectionResetError("the connection was closed before an answer"))

    def on_body(self, data: bytes) -> None:
        """See httptools."""
        self._body += data

    def on_message_complete(self) -> None:
        """See httptools."""
        self.keeps = self._parser.should_keep_alive()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((self._parser.get_status_code(), bytes(self._body)))

    def _fail(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
