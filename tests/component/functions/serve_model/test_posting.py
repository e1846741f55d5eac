"""A batch reaches a sink as the CloudEvent it is, over one connection."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from eventing.codec import decode
from eventing.event import Event
from functions.serve_model.posting import Batch, NotTaken, Poster

BATCH = Batch("b1", b'{"ids": []}', 0, datetime(2026, 3, 1, 12, tzinfo=UTC))


class Sink(ThreadingHTTPServer):
    """Remembers what came, and answers as it is told."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.events: list[Event] = []
        self.status = 202
        self.keeps = True
        self.connections: set[tuple[str, int]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/default"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Sink

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.events.append(decode(dict(self.headers.items()), body))
        self.server.connections.add(self.client_address)
        self.send_response(self.server.status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"no")
        self.close_connection = not self.server.keeps

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def sink() -> Iterator[Sink]:
    server = Sink()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def poster(sink: Sink, **overrides: str) -> Iterator[Poster]:
    subject = "churn/v1"
    made = Poster(sink.url, type_="t", source="/kascade/serve_model", subject=subject, overrides=overrides)
    yield made
    made.close()


def test_overrides_arrive_whatever_characters_are_in_them(sink: Sink) -> None:
    with poster(sink, team="Müller & 日本 50%", note='"quoted" text') as sender:
        sender.send(BATCH, 5)
    (event,) = sink.events
    assert (event.id, event.subject, event.data) == ("b1", "churn/v1", {"ids": []})
    assert event.extensions["team"] == "Müller & 日本 50%"
    assert event.extensions["note"] == '"quoted" text'


def test_batches_share_a_connection_and_one_that_was_closed_is_opened_anew(sink: Sink) -> None:
    with poster(sink) as sender:
        for _ in range(3):
            sender.send(BATCH, 5)
        assert len(sink.connections) == 1
        sink.keeps = False
        sender.send(BATCH, 5)
        sender.send(BATCH, 5)
    assert len(sink.events) == 5


@pytest.mark.parametrize(("status", "final"), [(400, True), (404, False), (429, False), (503, False)])
def test_a_refusal_says_whether_it_is_for_good(sink: Sink, status: int, final: bool) -> None:
    sink.status = status
    with poster(sink) as sender, pytest.raises(NotTaken, match=f"{status}: no") as caught:
        sender.send(BATCH, 5)
    assert caught.value.final is final


def test_a_sink_that_is_not_there_is_no_refusal_for_good() -> None:
    with pytest.raises(NotTaken, match="ConnectionRefusedError") as caught:
        Poster("http://127.0.0.1:1/", type_="t", source="/s", subject="m/v1").send(BATCH, 5)
    assert caught.value.final is False
