"""The server's HTTP: who may ask, what is routed where, and the faults that a test asks for."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from support.faults import Fault
from support.kubeflow.resources import Answer, Resources
from support.kubeflow.workflows import Cluster

PREFIX = "/apis/v2beta1"
ROUTES = (
    ("GET", r"/healthz", "healthz"),
    ("POST", r"/experiments", "create_experiment"),
    ("GET", r"/experiments", "list_experiments"),
    ("POST", r"/runs", "create_run"),
    ("GET", r"/runs/([^/:]+)", "get_run"),
    ("POST", r"/runs/([^/:]+):terminate", "terminate_run"),
    ("POST", r"/runs/([^/:]+):retry", "retry_run"),
)


@dataclass
class KubeflowServer:
    """The server; `url` is its address while `serving()`.

    Attributes:
        token: that requests must bear; None: anyone may ask.
        forbidden: every request is answered 403.
    """

    folder: Path
    cluster: Cluster = field(default_factory=Cluster)
    token: str | None = None
    forbidden: bool = False
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    url: str = ""

    def __post_init__(self) -> None:
        self.resources = Resources(self.folder, self.cluster)
        self.released = threading.Event()

    @contextmanager
    def serving(self) -> Iterator[KubeflowServer]:
        """Serve on loopback until the context ends, and end every run with it."""
        handler = type("Handler", (_Handler,), {"twin": self})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
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
            self.resources.close()

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes, bearer: str) -> Answer:
        """Answer a request as the real server does."""
        if self.token is not None and bearer != f"Bearer {self.token}":
            return Answer.error(401, 16, "Request header error: there is no user identity header.")
        if self.forbidden:
            return Answer.error(403, 7, "Failed to authorize the request: User is not authorized")
        for wanted, pattern, name in ROUTES:
            match = re.fullmatch(PREFIX + pattern, path)
            if match and method == wanted:
                return getattr(self.resources, name)(query, body, *match.groups())
        return Answer.error(404, 5, "Not Found")


class _Handler(BaseHTTPRequestHandler):
    twin: KubeflowServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        target = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = f"{self.command} {target.path}"
        self.twin.requests.append(request)
        fault = Fault.of(self.twin.faults, request)
        kind = fault.kind if fault else None
        if kind == "hang":
            self.twin.released.wait(30)
        if kind in ("hang", "drop"):
            self._hang_up()
            return
        if isinstance(kind, int):
            self._send(Answer.error(kind, 13, f"made to answer {kind} by a test"))
            return
        if kind == "html":
            self._send(Answer(200, b"<html><body>Sign in</body></html>", "text/html"))
            return
        query = {name: values[-1] for name, values in parse_qs(target.query).items()}
        bearer = self.headers.get("Authorization", "")
        answer = self.twin.answer(self.command, target.path, query, body, bearer)
        if kind == "lost":
            self._hang_up()
            return
        self._send(answer)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.close()

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *arguments: Any) -> None:
        """Say nothing: the requests are remembered."""
