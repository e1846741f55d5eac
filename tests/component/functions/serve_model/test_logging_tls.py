"""A real process whose sink speaks TLS with a certificate from a CA of our own."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from support.authority import Authority

from functions.serve_model import testing

PREDICT = "/v1/models/churn:predict"
DATA = testing.classifier(testing.numbers("age", "amount"))


class Sink(ThreadingHTTPServer):
    """Keeps the ids of the predictions it is given."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, *_: Any) -> None:
        """Say nothing of clients that turn away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Sink

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.ids += json.loads(body)["ids"]
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def ours() -> Authority:
    return Authority("ours")


@pytest.fixture(scope="module")
def theirs() -> Authority:
    return Authority("theirs")


@pytest.fixture
def sink() -> Iterator[Sink]:
    server = Sink()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def asked(server: Any, count: int) -> list[str]:
    ids = []
    for number in range(count):
        body = json.dumps({"instances": [[number, 1]]}).encode()
        ids += json.loads(server.request("POST", PREDICT, body)[2])["prediction_ids"]
    return ids


def ended(server: Any) -> str:
    """Let the process end and return what it said."""
    server.process.terminate()
    said: str = server.process.communicate(timeout=20)[1]
    return said


def test_predictions_reach_a_sink_that_a_given_ca_signed(
    tmp_path: Path, start: Callable[..., Any], sink: Sink, ours: Authority, theirs: Authority
) -> None:
    env = {"K_SINK": ours.serve(sink, tmp_path), "K_CA_CERTS": theirs.pem + ours.pem}
    server = start(testing.write(tmp_path, DATA), LOG_INTERVAL_S="0.05", **env).wait_ready()
    ids = asked(server, 5)
    wait_until(lambda: len(sink.ids) == 5)
    more = asked(server, 5)
    wait_until(lambda: len(sink.ids) == 10)
    assert sink.ids == ids + more


def test_the_systems_cas_are_trusted_too(
    tmp_path: Path, start: Callable[..., Any], sink: Sink, ours: Authority, theirs: Authority
) -> None:
    (tmp_path / "system.pem").write_text(ours.pem)
    system = {"SSL_CERT_FILE": str(tmp_path / "system.pem")}
    env = {"K_SINK": ours.serve(sink, tmp_path), "K_CA_CERTS": theirs.pem, **system}
    server = start(testing.write(tmp_path, DATA), LOG_INTERVAL_S="0.05", **env).wait_ready()
    ids = asked(server, 1)
    wait_until(lambda: sink.ids == ids)


@pytest.mark.parametrize("others", [True, False])
def test_a_sink_that_another_ca_signed_gets_nothing_and_the_log_says_why(
    tmp_path: Path, start: Callable[..., Any], sink: Sink, ours: Authority, theirs: Authority, others: bool
) -> None:
    env = {"K_SINK": ours.serve(sink, tmp_path), "K_CA_CERTS": theirs.pem if others else "", "DRAIN_S": "1"}
    server = start(testing.write(tmp_path, DATA), LOG_INTERVAL_S="0.05", **env).wait_ready()
    asked(server, 1)  # is answered all the same
    said = ended(server)
    assert "its certificate is not trusted: " in said
    assert "trusted are the system's CAs and those in K_CA_CERTS" in said
    assert "1 rows of the log of predictions are lost" in said
    assert sink.ids == []


def test_a_certificate_for_another_address_is_refused(
    tmp_path: Path, start: Callable[..., Any], sink: Sink, ours: Authority
) -> None:
    url = ours.serve(sink, tmp_path, address="127.0.0.2")
    env = {"K_SINK": url, "K_CA_CERTS": ours.pem, "DRAIN_S": "1"}
    server = start(testing.write(tmp_path, DATA), LOG_INTERVAL_S="0.05", **env).wait_ready()
    asked(server, 1)
    assert "not trusted: IP address mismatch" in ended(server)
    assert sink.ids == []


def test_cas_that_are_no_pem_keep_the_process_from_starting(
    tmp_path: Path, start: Callable[..., Any]
) -> None:
    env = {"K_SINK": "https://127.0.0.1:9/broker", "K_CA_CERTS": "a CA"}
    process = start(testing.write(tmp_path, DATA), **env).process
    assert "K_CA_CERTS must be the certificates of CAs in PEM" in process.communicate(timeout=20)[1]
    assert process.returncode == 1
