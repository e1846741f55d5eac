"""Tests of fetching: what passes is tried again, what will not is said at once."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from functions.serve_model.errors import DigestMismatch, ModelUnavailable
from functions.serve_model.fetch import fetch_verified
from functions.serve_model.settings import ObjectStore

DATA = b"a model"
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.serve_model.fetch._PAUSES_S", (0.0, 0.0))


@pytest.fixture
def answering() -> Iterator[Callable[..., tuple[ObjectStore, list[str]]]]:
    """Start a server that answers with the given statuses in turn, the last one for ever."""
    started: list[HTTPServer] = []

    def start(*statuses: int) -> tuple[ObjectStore, list[str]]:
        waiting, seen = list(statuses), list[str]()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                seen.append(self.path)
                self.send_response(waiting.pop(0) if len(waiting) > 1 else waiting[0])
                self.send_header("Content-Length", str(len(DATA)))
                self.end_headers()
                self.wfile.write(DATA)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        server = HTTPServer(("127.0.0.1", 0), Handler)
        started.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        store = ObjectStore(f"http://127.0.0.1:{server.server_port}", "eu", "access", "secretsecret")
        return store, seen

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def test_an_object_is_fetched_by_its_path(answering: Any) -> None:
    store, seen = answering(200)

    assert fetch_verified("s3://models/churn/v1/a b+ü.onnx", SHA256, store) == DATA
    assert seen == ["/models/churn/v1/a%20b%2B%C3%BC.onnx"]


def test_a_store_that_is_not_ready_is_asked_again(answering: Any) -> None:
    store, seen = answering(503, 429, 200)

    assert fetch_verified("s3://models/x", SHA256, store) == DATA
    assert len(seen) == 3


def test_a_store_that_stays_unready_is_given_up(answering: Any) -> None:
    store, seen = answering(500)

    with pytest.raises(
        ModelUnavailable, match="cannot be fetched after 3 attempts: the object store is not ready"
    ):
        fetch_verified("s3://models/x", SHA256, store)
    assert len(seen) == 3


def test_a_refusal_is_final(answering: Any) -> None:
    store, seen = answering(403, 200)

    with pytest.raises(ModelUnavailable, match="the object store answered 403 Forbidden: a model"):
        fetch_verified("s3://models/x", SHA256, store)
    assert len(seen) == 1


@pytest.mark.case("S3", "a file beyond the limit, at a model server")
def test_a_file_beyond_the_limit_is_not_read(answering: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    store, _ = answering(200)
    monkeypatch.setattr("functions.serve_model.fetch.MAX_BYTES", 3)
    with pytest.raises(ModelUnavailable, match="at most 3 are read"):
        fetch_verified("s3://models/churn/v1/model.onnx", SHA256, store)


def test_a_store_that_cannot_be_reached_is_named() -> None:
    store = ObjectStore("http://127.0.0.1:9", "eu", "access", "secretsecret")

    with pytest.raises(ModelUnavailable, match="after 3 attempts: ConnectionRefusedError"):
        fetch_verified("s3://models/x", SHA256, store)


def test_other_bytes_than_the_approved_ones_are_refused(answering: Any) -> None:
    store, _ = answering(200)

    with pytest.raises(DigestMismatch, match=f"is {SHA256}, expected 0000"):
        fetch_verified("s3://models/x", "0" * 64, store)
