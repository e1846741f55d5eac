"""A real HTTP server that answers as it is told, for the clients under test."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


@dataclass
class Answer:
    """One canned answer; a status of 0 closes the connection without one."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Receiver:
    """Records requests; answers with `answers` in turn, and then 202."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.server = server
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[Answer] = []

    def answer(self, *statuses: int, **headers: str) -> None:
        """Say how the next requests are answered."""
        self.answers = [Answer(status, headers, b"because") for status in statuses]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/default"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            running.requests.append(({k.lower(): v for k, v in self.headers.items()}, body))
            answer = running.answers.pop(0) if running.answers else Answer(202)
            if not answer.status:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    running = Receiver(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield running
    server.shutdown()
    server.server_close()
    thread.join()
