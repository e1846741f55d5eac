"""A server in a thread of this process, and requests to it byte for byte."""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any

TIMEOUT_S = 10.0


class Served:
    """Serves what `make` gives on a free loopback port, until the process ends."""

    def __init__(self, make: Callable[[socket.socket], Coroutine[Any, Any, None]]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        asyncio.run_coroutine_threadsafe(make(self._listener), self._loop).result()

    def ask(self, line: bytes, headers: list[tuple[bytes, bytes]], body: bytes) -> tuple[int, bytes]:
        """Send a request on a connection of its own; return status and body of the answer, of a watch none."""
        lines = [line, *(name + b": " + value for name, value in headers), b"connection: close"]
        framed = any(name in (b"content-length", b"transfer-encoding") for name, _ in headers)
        if not framed:
            lines.append(b"content-length: %d" % len(body))
        with socket.create_connection(("127.0.0.1", self.port), TIMEOUT_S) as connection:
            connection.sendall(b"\r\n".join([*lines, b"", body]))
            if framed:  # nobody must wait for what does not come
                connection.shutdown(socket.SHUT_WR)
            answer = http.client.HTTPResponse(connection, method=line.partition(b" ")[0].decode("latin-1"))
            try:
                answer.begin()
                return answer.status, b"" if b"watch" in line else answer.read()
            except (http.client.HTTPException, ConnectionError):
                assert framed, "the connection was closed without an answer"
                return 0, b""
