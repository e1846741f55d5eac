"""Faults that a test asks for: what requests meet at a twin, or on their way to a real server."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import urllib3


@dataclass
class Fault:
    """What happens to the next requests instead of an answer.

    Attributes:
        kind: a status code; or `hang`, `drop` (the connection, before anything is done), `lost` (the answer,
            after all was done), `html` (a login page with 200).
        calls: how many requests it meets.
        only: a regular expression of `METHOD path`.
    """

    kind: int | str
    calls: int = 1
    only: str = ".*"

    @staticmethod
    def of(faults: list[Fault], request: str) -> Fault | None:
        """Return the first fault that a request meets, and use it up."""
        for fault in faults:
            if fault.calls > 0 and re.fullmatch(fault.only, request):
                fault.calls -= 1
                return fault
        return None


@dataclass
class FaultyProxy:
    """Hands requests on to `target`; `url` is its address while `serving()`."""

    target: str
    faults: list[Fault] = field(default_factory=list)
    url: str = ""

    def __post_init__(self) -> None:
        self.pool = urllib3.PoolManager(retries=False)
        self.released = threading.Event()

    @contextmanager
    def serving(self) -> Iterator[FaultyProxy]:
        """Serve on loopback until the context ends."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": self}))
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield self
        finally:
            self.released.set()
            server.shutdown()
            server.server_close()
            thread.join()
            self.pool.clear()


class _Handler(BaseHTTPRequestHandler):
    proxy: FaultyProxy
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = Fault.of(self.proxy.faults, f"{self.command} {self.path.partition('?')[0]}")
        kind = fault.kind if fault else None
        if kind == "hang":
            self.proxy.released.wait(30)
        if kind in ("hang", "drop"):
            self._hang_up()
        elif isinstance(kind, int):
            self._send(kind, b'{"detail": "made by a test"}', "application/json")
        elif kind == "html":
            self._send(200, b"<html><body>Sign in</body></html>", "text/html")
        else:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            answer = self.proxy.pool.request(
                self.command, self.proxy.target + self.path, body=body, headers=headers, timeout=30
            )
            if kind == "lost":
                self._hang_up()
            else:
                self._send(answer.status, answer.data, answer.headers.get("Content-Type", ""))

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.close()

    def _send(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""
