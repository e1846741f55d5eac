"""Spans reach a real receiver of OTLP over HTTP, which decodes them, and join over asynchronous hops."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from support.receiver import Receiver

from eventing.app import create_app
from eventing.tracing import NoTracing, tracing_from_env

pytestmark = pytest.mark.slow

APPLICATION = """
import os
from eventing.app import create_app
from eventing.errors import Rejected
from eventing.event import answer


def handler(event, payload):
    if payload == "bad":
        raise Rejected("it is bad")
    return [answer(event, "com.example.answered", "/first", "churn", {})]


def create():
    return create_app(handler, name=os.environ["NAME"], accepts={"com.example.*": None})
"""
START = "from eventing.serving import serve; serve('application:create')"
EVENT = {
    "ce-specversion": "1.0",
    "ce-id": "e1",
    "ce-source": "/tests",
    "ce-type": "com.example.happened",
    "ce-correlationid": "chain",
    "Content-Type": "application/json",
}
REMOTE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-"


class Function:
    """A function as its own process."""

    def __init__(self, folder: Path, name: str, endpoint: str, delay_ms: int = 60_000) -> None:
        (folder / "application.py").write_text(APPLICATION)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        own = {"HOST": "127.0.0.1", "PORT": str(self.port), "NAME": name}
        paths = os.pathsep.join((str(folder), os.environ.get("PYTHONPATH", "")))
        traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_BSP_SCHEDULE_DELAY": str(delay_ms)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", START],
            cwd=folder,
            env={**os.environ, **own, **traced, "PYTHONPATH": paths},
            stdout=subprocess.DEVNULL,
        )

    def __enter__(self) -> Function:
        deadline = monotonic() + 60
        while not self._answers():
            assert self.process.poll() is None, "it has ended"
            assert monotonic() < deadline, "it does not answer"
            sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def post(self, data: Any, **headers: str) -> dict[str, str]:
        """Send an event; return the headers of the answer."""
        url = f"http://127.0.0.1:{self.port}/"
        request = urllib.request.Request(url, json.dumps(data).encode(), {**EVENT, **headers})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return {name.lower(): value for name, value in answer.headers.items()}
        except urllib.error.HTTPError as error:
            return {"status": str(error.code)}

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


@pytest.fixture
def two(tmp_path: Path, receiver: Receiver) -> Iterator[tuple[Function, Function]]:
    with (
        Function(tmp_path, "first", receiver.url) as first,
        Function(tmp_path, "second", receiver.url) as second,
    ):
        yield first, second


def spans(receiver: Receiver) -> dict[str, Any]:
    """Return what was received, by name, each with its resource's attributes."""
    found = {}
    for headers, body in receiver.requests:
        assert headers["content-type"] == "application/x-protobuf"
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            about = {each.key: each.value.string_value for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                for span in scope.spans:
                    found[span.name] = (span, about)
    return found


def test_two_functions_that_an_event_passes_are_one_trace_when_they_have_ended(
    two: tuple[Function, Function], receiver: Receiver
) -> None:
    first, second = two
    answer = first.post({})
    second.post({}, **{name: value for name, value in answer.items() if name.startswith("ce-")})
    assert second.post("bad") == {"status": "422"}
    first.stop()
    second.stop()

    found = spans(receiver)
    one, about = found["first com.example.happened"]
    other, _ = found["second com.example.answered"]
    refused, _ = found["second com.example.happened"]
    assert about["service.name"] == "first"
    assert other.trace_id == one.trace_id == refused.trace_id, "all are of one chain"
    assert other.parent_span_id == one.span_id
    assert answer["ce-traceparent"] == f"00-{one.trace_id.hex()}-{one.span_id.hex()}-01"
    told = {each.key: each.value.string_value for each in other.attributes}
    assert told["cloudevents.event_id"] == answer["ce-id"]
    assert (told["kascade.correlation_id"], told["kascade.causation_id"]) == ("chain", "e1")
    assert (refused.status.code, refused.status.message) == (2, "it is bad")


def test_a_trace_that_the_caller_began_goes_on_and_one_that_is_not_sampled_is_not_sent(
    two: tuple[Function, Function], receiver: Receiver
) -> None:
    first, second = two
    answer = first.post({}, traceparent=f"{REMOTE}01")
    unsampled = second.post({}, **{"ce-traceparent": f"{REMOTE}00"})
    first.stop()
    second.stop()

    ((span, _),) = spans(receiver).values()
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == tuple(REMOTE.split("-")[1:3])
    assert answer["ce-traceparent"].startswith(REMOTE[:36])
    assert unsampled["ce-traceparent"].endswith("-00")


def test_a_collector_that_is_away_holds_up_neither_events_nor_the_end(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with Function(
            tmp_path, "first", f"http://127.0.0.1:{closed.getsockname()[1]}", delay_ms=10
        ) as function:
            function.post({})  # it has loaded, and begins to send
            started = monotonic()
            for _ in range(5):
                assert function.post({})["ce-type"] == "com.example.answered"
            assert monotonic() - started < 10
            function.stop()
            assert function.process.returncode == 0


def test_without_an_endpoint_nothing_of_opentelemetry_is_imported() -> None:
    code = (
        "import sys; from eventing.app import create_app;"
        "create_app(lambda event, payload: [], name='f', accepts={});"
        "sys.exit(any('opentelemetry' in name for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_function_without_the_extra_goes_on_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)

    found = tracing_from_env("f", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"})

    assert isinstance(found, NoTracing)
    assert "install kascade[traces]" in caplog.text
    assert create_app(lambda event, payload: [], name="f", accepts={}) is not None
