"""A real process and a real sink: predictions arrive, also those under way when it is told to end."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from support import tiny_models

from eventing.catalogue import InferenceLogged
from eventing.codec import decode

PREDICT = "/v1/models/churn:predict"
DATA = tiny_models.classifier(tiny_models.numbers("age", "amount"))


class Sink(ThreadingHTTPServer):
    """Keeps the batches it is given; answers with `status` after `wait_s`."""

    def __init__(self) -> None:
        self.batches: list[InferenceLogged] = []
        self.status, self.wait_s = 202, 0.0
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/broker"

    @property
    def ids(self) -> list[str]:
        return [identity for batch in self.batches for identity in batch.ids]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Sink

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        time.sleep(self.server.wait_s)
        if self.server.status < 300:
            event = decode(dict(self.headers), body)
            assert (self.path, event.type, event.subject) == ("/broker", InferenceLogged.type, "churn/v1")
            self.server.batches.append(InferenceLogged.model_validate(event.data))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def sink() -> Iterator[Sink]:
    server = Sink()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def asked(server: Any, count: int) -> list[str]:
    ids = []
    for number in range(count):
        body = json.dumps({"instances": [[number, 1]]}).encode()
        status, _, answer = server.request("POST", PREDICT, body)
        assert status == 200
        ids += json.loads(answer)["prediction_ids"]
    return ids


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_every_prediction_arrives_with_its_inputs(
    tmp_path: Path, start: Callable[..., Any], sink: Sink
) -> None:
    server = start(tiny_models.write(tmp_path, DATA), K_SINK=sink.url, LOG_INTERVAL_S="0.05").wait_ready()
    ids = asked(server, 30)
    wait_until(lambda: len(sink.ids) == 30)
    assert sink.ids == ids
    assert [value for batch in sink.batches for value in batch.inputs["age"]] == list(range(30))
    text = server.request("GET", "/metrics")[2].decode()
    assert 'kascade_inference_log_sent_rows_total{model="churn",version="1"} 30.0' in text


def test_what_is_queued_is_sent_when_it_is_told_to_end(
    tmp_path: Path, start: Callable[..., Any], sink: Sink
) -> None:
    server = start(tiny_models.write(tmp_path, DATA), K_SINK=sink.url, LOG_INTERVAL_S="3600").wait_ready()
    ids = asked(server, 20)
    assert sink.ids == []
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(20) == 0
    assert sink.ids == ids


def test_a_sink_that_is_down_or_slow_costs_the_predictions_nothing(
    tmp_path: Path, start: Callable[..., Any], sink: Sink
) -> None:
    sink.status, sink.wait_s = 503, 0.3
    server = start(tiny_models.write(tmp_path, DATA), K_SINK=sink.url, LOG_INTERVAL_S="0.01").wait_ready()
    asked(server, 1)
    begun = time.monotonic()
    asked(server, 100)
    assert time.monotonic() - begun < 100 * sink.wait_s / 4
    sink.status, sink.wait_s = 202, 0.0
    wait_until(lambda: len(sink.ids) == 101)


def test_a_sink_that_never_answers_does_not_keep_the_process_from_ending(
    tmp_path: Path, start: Callable[..., Any]
) -> None:
    nowhere = "http://127.0.0.1:9/broker"
    server = start(tiny_models.write(tmp_path, DATA), K_SINK=nowhere, DRAIN_S="1").wait_ready()
    asked(server, 3)
    begun = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(20) == 0
    assert time.monotonic() - begun < 10
    assert "3 rows of the log of predictions are lost" in server.process.stderr.read()
