"""A real HTTP server that answers as it is told, for the clients under test."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Answer:
    """One canned answer; a status of 0 closes the connection without one, `closes` after it."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    closes: bool = False


class Receiver:
    """Records requests and connections; answers with `answers` in turn, and then 202."""

    def __init__(self) -> None:
        self.server = _Server(self)
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.connections: set[tuple[str, int]] = set()
        self.answers: list[Answer] = []
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})

    def answer(self, *statuses: int, **headers: str) -> None:
        """Say how the next requests are answered."""
        self.answers = [Answer(status, headers, b"because") for status in statuses]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/default"

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, *_: Any) -> None:
        """Say nothing of clients that turn away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        receiver.requests.append(({k.lower(): v for k, v in self.headers.items()}, body))
        receiver.connections.add(self.client_address)
        answer = receiver.answers.pop(0) if receiver.answers else Answer(202)
        if not answer.status:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)
        self.close_connection = answer.closes

    def log_message(self, *_: object) -> None:
        """Say nothing."""
