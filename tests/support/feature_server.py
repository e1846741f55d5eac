"""A small feature server over real HTTP, which answers as Feast 0.67's does, or fails in a way of choice.

What Feast was seen to do, and this does too: 422 without a JSON Content-Type; 404 for a view that it does not
know; the newest value whatever its age, with the time of its event; NOT_FOUND and null for an unknown entity.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

Mode = Literal["answers", "hangs", "fails", "garbles", "is no HTTP", "lacks rows", "closes", "trickles"]


@dataclass
class FeatureServerTwin:
    """Values by view, entity and field; what it was asked; how it behaves.

    Attributes:
        views: by view's name: its entity's columns, and by the values of those (a time, the fields).
        asked: the bodies of the requests, in order.
        connections: how many were opened.
    """

    url: str = ""
    mode: Mode = "answers"
    views: dict[str, tuple[tuple[str, ...], dict[tuple[Any, ...], tuple[str, dict[str, Any]]]]] = field(
        default_factory=dict
    )
    asked: list[Any] = field(default_factory=list)
    connections: int = 0

    def answer(self, body: Any) -> tuple[int, Any]:
        """Return the status and the body that answer a question."""
        entities = body["entities"]
        rows = len(next(iter(entities.values())))
        names, results = list(entities), [_column(values, rows) for values in entities.values()]
        for reference in body["features"]:
            view, _, name = reference.partition(":")
            if view not in self.views:
                return 404, {
                    "detail": f"Feature view {view} does not exist",
                    "error_type": "FeatureViewNotFound",
                }
            keys, known = self.views[view]
            values, statuses, times = [], [], []
            for row in range(rows):
                at, fields = known.get(tuple(entities[key][row] for key in keys), (None, {}))
                value = fields.get(name)
                values.append(value)
                statuses.append("NOT_FOUND" if at is None else "NULL_VALUE" if value is None else "PRESENT")
                times.append(at or "1970-01-01T00:00:00Z")
            names.append(f"{view}__{name}")
            results.append({"values": values, "statuses": statuses, "event_timestamps": times})
        return 200, {"metadata": {"feature_names": names}, "results": results}


def _column(values: list[Any], rows: int) -> dict[str, Any]:
    return {
        "values": values,
        "statuses": ["PRESENT"] * rows,
        "event_timestamps": ["1970-01-01T00:00:00Z"] * rows,
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    twin: FeatureServerTwin
    stopped: threading.Event

    def setup(self) -> None:
        super().setup()
        self.twin.connections += 1

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.twin.asked.append(body)
        if self.path != "/get-online-features" or self.headers["content-type"] != "application/json":
            self._send(422, {"detail": "no JSON for /get-online-features"})
        else:
            _WAYS[self.twin.mode](self, body)

    def answers(self, body: Any) -> None:
        self._send(*self.twin.answer(body))

    def lacks_rows(self, body: Any) -> None:
        status, said = self.twin.answer(body)
        for result in said["results"]:
            result["values"].pop()
        self._send(status, said)

    def hangs(self, body: Any) -> None:
        self.stopped.wait(30)
        self.close_connection = True

    def trickles(self, body: Any) -> None:
        self.send_response(200)
        self.send_header("content-length", "1000000")
        self.end_headers()
        while not self.stopped.wait(0.01):
            self.wfile.write(b" ")

    def closes(self, body: Any) -> None:
        self.close_connection = True

    def speaks_no_http(self, body: Any) -> None:
        self.wfile.write(b"\x00\x01\x02 what?\r\n\r\n")
        self.close_connection = True

    def _send(self, status: int, said: Any) -> None:
        raw = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


_WAYS: dict[Mode, Callable[[_Handler, Any], None]] = {
    "answers": _Handler.answers,
    "lacks rows": _Handler.lacks_rows,
    "hangs": _Handler.hangs,
    "trickles": _Handler.trickles,
    "closes": _Handler.closes,
    "is no HTTP": _Handler.speaks_no_http,
    "fails": lambda handler, _: handler._send(500, {"detail": "the online store is away"}),
    "garbles": lambda handler, _: handler._send(200, {"results": "none"}),
}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that has gone is no error here."""


@contextmanager
def feature_server() -> Iterator[FeatureServerTwin]:
    """Start one on a free port; it is stopped at the end."""
    twin, stopped = FeatureServerTwin(), threading.Event()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"twin": twin, "stopped": stopped}))
    twin.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield twin
    finally:
        stopped.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


def iso(seconds_ago: float, now_s: float | None = None) -> str:
    """Return a moment so many seconds ago, as Feast writes it."""
    at = (time.time() if now_s is None else now_s) - seconds_ago
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
