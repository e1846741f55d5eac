"""Clients' connections to the gateway: how many, how long they may be silent, how much they may send."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from aiohttp import EMPTY_PAYLOAD, web
from aiohttp.http_exceptions import HttpProcessingError, PayloadEncodingError

from knative.local.log import QUIET, warn

_KEPT_S, _SWEEP_S, _WARN_EVERY_S = 75.0, 1.0, 60.0
_LINGER_S = 2.0
"""How long the rest of a body that is not taken is read away, so that its client hears the answer."""
_MAX_FIELD, _BUFFER = 64 * 1024, 256 * 1024
_FILES_EACH = 4
"""Files that a connection may take: its own, one to a process; and as many are left for everything else."""
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\n"
    b"Content-Type: text/plain\r\nContent-Length: 37\r\n\r\nthe gateway has too many connections\n"
)


@dataclass(frozen=True)
class Limits:
    """What clients may take: seconds for a head, and of silence in a body; bytes of a body; connections."""

    head_s: float = 20.0
    silence_s: float = 30.0
    body_bytes: int = 64 << 20
    connections: int = 4096


class BodyTooLarge(web.RequestPayloadError):
    """A body has more bytes than are taken."""


class BodyStalled(web.RequestPayloadError):
    """Nothing has come of a body for too long."""


class Connection(web.RequestHandler):
    """A client's connection: one that has ended its side still gets the answers to its whole requests."""

    __slots__ = ("_half_closed", "_head_since", "_last_body", "_limits", "_received_at", "foreign")

    foreign: bool
    """Whether another user of this machine made it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._half_closed, self._last_body, self.foreign = False, EMPTY_PAYLOAD, False
        server = cast(Server, self._manager)
        self._received_at, self._limits = self._loop.time(), server.limits
        self._head_since: float | None = self._received_at
        super().connection_made(transport)
        cast(asyncio.Transport, transport).set_write_buffer_limits(_BUFFER)
        server.admit(self, cast(asyncio.Transport, transport))

    def data_received(self, data: bytes) -> None:
        """Parse what arrived, and fail the reader of a body that turns out malformed, which aiohttp omits."""
        self._received_at, heads = self._loop.time(), self._request_count
        super().data_received(data)
        if self._request_count > heads:
            self._head_since = None
        elif self._is_idle() and self._head_since is None:
            self._head_since = self._received_at
        if self._messages and self._messages[-1][1] is not self._last_body:
            if not self._last_body.is_eof():  # and yet something follows: the parser's complaint
                self._last_body.set_exception(web.RequestPayloadError("it is malformed"))
            self._last_body = self._messages[-1][1]
        if self._last_body.total_bytes > self._limits.body_bytes:
            self._last_body.set_exception(BodyTooLarge(too_large(self._limits)))

    def end_if_stalled(self, now: float) -> None:
        """End a request if the rest of its head, or of its body, has not come for too long."""
        limits, body = self._limits, self._last_body
        if self._is_idle():
            if self._head_since is not None and now - self._head_since > limits.head_s:
                self.force_close()
            return
        owes = not (body.is_eof() or self._reading_paused) and body.exception() is None
        if owes and now - self._received_at > limits.silence_s:
            body.set_exception(BodyStalled(f"nothing more of it came for {limits.silence_s:g} s"))

    def eof_received(self) -> bool:  # type: ignore[override] # aiohttp's closes the connection at once
        """Keep the connection while there are whole requests to answer."""
        in_hand = self._waiter is None and self._request_count > len(self._messages)
        try:
            if self._parser is not None:
                self._parser.feed_eof()
        except PayloadEncodingError:  # the last request will never be whole
            if len(self._messages) + in_hand < 2:
                return False
            self._messages.pop()
        except HttpProcessingError:
            pass  # it has been parsed already, and its answer 400 is among the messages
        self._half_closed = in_hand or bool(self._messages)
        self.close_if_last()
        return self._half_closed

    def close_if_last(self) -> None:
        """Close after the request in hand if it is the last one of a client that has ended its side."""
        if self._half_closed and not self._messages:
            self.close()

    def _is_idle(self) -> bool:
        """Whether it waits for the head of a request."""
        return self._waiter is not None and not self._messages


class Server(web.Server):
    """Makes those connections, at most so many at once, and ends those whose clients keep silent.

    Args:
        handler: answers a request.
        limits: what clients may take.
        is_foreign: whether another user of this machine made a connection.
    """

    def __init__(self, handler: Any, limits: Limits, is_foreign: Callable[[asyncio.Transport], bool]) -> None:
        super().__init__(
            handler,
            handler_cancellation=True,
            access_log=None,
            logger=QUIET,
            auto_decompress=False,
            keepalive_timeout=_KEPT_S,
            lingering_time=_LINGER_S,
            read_bufsize=_BUFFER,
            max_line_size=_MAX_FIELD,
            max_field_size=_MAX_FIELD,
        )
        self.limits = limits
        self._most = min(limits.connections, _allowed_files() // _FILES_EACH)
        self._is_foreign = is_foreign
        self._warned = -_WARN_EVERY_S
        self._sweep = self._loop.call_later(_SWEEP_S, self._end_stalled)

    def __call__(self) -> web.RequestHandler:
        """Make one."""
        return Connection(self, loop=self._loop, **self._kwargs)

    def admit(self, connection: Connection, transport: asyncio.Transport) -> None:
        """Take a new connection, or refuse it when there are too many."""
        if len(self._connections) <= self._most:
            connection.foreign = self._is_foreign(transport)
            return
        transport.write(_FULL)
        connection.force_close()
        if self._loop.time() - self._warned > _WARN_EVERY_S:
            self._warned = self._loop.time()
            warn("too many connections", most=self._most)

    async def shutdown(self, timeout: float | None = None) -> None:
        """End every connection."""
        self._sweep.cancel()
        await super().shutdown(timeout)

    def _end_stalled(self) -> None:
        now = self._loop.time()
        for connection in self.connections:
            cast(Connection, connection).end_if_stalled(now)
        self._sweep = self._loop.call_later(_SWEEP_S, self._end_stalled)


def too_large(limits: Limits) -> str:
    """Return the message to a client whose body is too large."""
    return f"a body may have {limits.body_bytes} bytes at most (--max-body-mib)"


def _allowed_files() -> int:
    """Return how many files this process may open, after asking for as many as it may ask for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 65_536) if hard != resource.RLIM_INFINITY else 65_536
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return soft
