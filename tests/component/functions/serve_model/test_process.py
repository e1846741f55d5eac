"""Tests of the process: how it starts, serves over a real socket, and ends."""

from __future__ import annotations

import dataclasses
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from support import tiny_models

from eventing.codec import decode, to_structured
from eventing.event import originate
from eventing.store import S3Store
from eventing.store.s3 import make_client
from kascade.system.stores.embedded import EmbeddedStore

PREDICT = "/v1/models/churn:predict"
DATA = tiny_models.classifier(tiny_models.numbers("age", "amount"))


def rows(count: int) -> bytes:
    return json.dumps({"instances": [[1, 2]] * count}).encode()


def test_it_serves_predictions_over_one_kept_connection(churn: Any) -> None:
    connection = HTTPConnection("127.0.0.1", churn.port, timeout=10)
    connection.connect()
    address = connection.sock.getsockname()
    for _ in range(3):
        connection.request("POST", PREDICT, rows(1))
        assert json.loads(connection.getresponse().read())["predictions"] == [1]
    assert connection.sock.getsockname() == address
    connection.close()


def test_requests_at_once_get_their_own_answers_and_distinct_ids(churn: Any) -> None:
    def ask(row: int) -> tuple[int, str]:
        sign = 1 if row % 2 else -1
        body = json.dumps({"instances": [[sign, sign]]}).encode()
        answer = json.loads(churn.request("POST", PREDICT, body)[2])
        return answer["predictions"][0], answer["prediction_ids"][0]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(200)))

    assert [label for label, _ in answers] == [row % 2 for row in range(200)]
    assert len({identity for _, identity in answers}) == 200


def test_a_chunked_body_is_read(churn: Any) -> None:
    body = rows(1)
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", churn.port), timeout=10) as connection:
        connection.sendall(head.encode() + chunked)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.1 200 OK")


def test_a_body_that_is_too_large_is_refused_and_the_next_request_answered(
    tmp_path: Path, start: Callable[..., Any]
) -> None:
    server = start(tiny_models.write(tmp_path, DATA), MAX_BODY_BYTES="2048").wait_ready()

    status, _, body = server.request("POST", PREDICT, rows(500))

    assert status == 413
    assert "at most 2048 are read (MAX_BODY_BYTES)" in json.loads(body)["error"]
    assert server.request("POST", PREDICT, rows(1))[0] == 200


def test_an_event_over_http_is_answered_with_an_event(churn: Any) -> None:
    asked = originate("com.example.asked", "/shop", "order/1", {"instances": [[1, 2]]})
    headers, body = to_structured(asked)

    status, answered, reply = churn.request("POST", "/", body, dict(headers))

    assert status == 200
    event = decode(answered, reply)
    assert event.correlation_id == asked.id
    assert event.data["predictions"] == [1]


def test_health_is_answered_while_large_batches_are_at_work(churn: Any) -> None:
    large = rows(10_000)
    done = threading.Event()
    slowest = 0.0

    def flood() -> None:
        while not done.is_set():
            assert churn.request("POST", PREDICT, large)[0] == 200

    with ThreadPoolExecutor(2) as pool:
        floods = [pool.submit(flood) for _ in range(2)]
        for _ in range(20):
            began = time.perf_counter()
            assert churn.request("GET", "/healthz")[0] == 200
            slowest = max(slowest, time.perf_counter() - began)
        done.set()
        for each in floods:
            each.result(timeout=30)
    assert slowest < 2.0


def test_on_sigterm_what_is_under_way_is_answered_and_the_process_ends_well(churn: Any) -> None:
    body = rows(1)
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", churn.port), timeout=10) as connection:
        connection.sendall(head.encode() + body[:5])
        churn.request("GET", "/healthz")  # the server has read what was sent before
        churn.process.send_signal(signal.SIGTERM)
        wait_until_closed(churn.port)
        connection.sendall(body[5:])
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert churn.process.wait(timeout=10) == 0


def wait_until_closed(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return
        time.sleep(0.01)
    raise AssertionError("the server still takes connections")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"sha256": "0" * 64}, "it is not the approved model"),
        ({"version": 9}, "the file holds churn/v1, asked to serve churn/v9"),
        ({"uri": "file:///nowhere/model.onnx"}, "cannot be read: No such file"),
        ({"model": "NOT A NAME"}, "MODEL_NAME is 'NOT A NAME'"),
    ],
)
def test_without_the_approved_model_it_does_not_start_and_says_why(
    tmp_path: Path, start: Callable[..., Any], changed: dict[str, Any], expected: str
) -> None:
    settings = dataclasses.replace(tiny_models.write(tmp_path, DATA), **changed)

    server = start(settings)
    _, errors = server.process.communicate(timeout=30)

    assert server.process.returncode == 4
    assert "serve_model cannot start: " in errors
    assert expected in errors


def test_a_port_in_use_ends_it(tmp_path: Path, churn: Any, start: Callable[..., Any]) -> None:
    second = start(tiny_models.write(tmp_path, DATA), PORT=str(churn.port))
    _, errors = second.process.communicate(timeout=30)

    assert second.process.returncode != 0
    assert "in use" in errors


def test_it_fetches_the_model_from_a_real_object_store(tmp_path: Path, start: Callable[..., Any]) -> None:
    settings = tiny_models.write(tmp_path, DATA)
    with EmbeddedStore(tmp_path / "objects", 0, "access", "secretsecret") as running:
        store = S3Store(make_client(running.env))
        store.ensure_bucket("models")
        claim = store.put("s3://models/churn/v1/mödel x.onnx", DATA)

        server = start(dataclasses.replace(settings, uri=claim.uri), **running.env).wait_ready()

        assert json.loads(server.request("POST", PREDICT, rows(1))[2])["predictions"] == [1]


def test_without_keys_in_the_environment_boto3_finds_them(tmp_path: Path, start: Callable[..., Any]) -> None:
    settings = tiny_models.write(tmp_path, DATA)
    keys = tmp_path / "credentials"
    keys.write_text("[default]\naws_access_key_id = access\naws_secret_access_key = secretsecret\n")
    with EmbeddedStore(tmp_path / "objects", 0, "access", "secretsecret") as running:
        store = S3Store(make_client(running.env))
        store.ensure_bucket("models")
        claim = store.put("s3://models/churn/v1/model.onnx", DATA)
        env = {name: value for name, value in running.env.items() if "KEY" not in name}
        env |= {"AWS_SHARED_CREDENTIALS_FILE": str(keys), "AWS_EC2_METADATA_DISABLED": "true"}

        server = start(dataclasses.replace(settings, uri=claim.uri), **env).wait_ready()
        gone = start(dataclasses.replace(settings, uri="s3://models/gone"), **env)
        _, errors = gone.process.communicate(timeout=30)

        assert json.loads(server.request("POST", PREDICT, rows(1))[2])["predictions"] == [1]
    assert "s3://models/gone cannot be fetched" in errors


def test_a_missing_object_is_named(tmp_path: Path, start: Callable[..., Any]) -> None:
    settings = dataclasses.replace(tiny_models.write(tmp_path, DATA), uri="s3://models/gone/model.onnx")
    with EmbeddedStore(tmp_path / "objects", 0, "access", "secretsecret") as running:
        S3Store(make_client(running.env)).ensure_bucket("models")

        _, errors = start(settings, **running.env).process.communicate(timeout=30)

    assert "s3://models/gone/model.onnx: the object store answered 404" in errors


def test_nothing_heavy_is_imported_to_serve() -> None:
    heavy = "sklearn pandas pyarrow boto3 botocore flask pydantic cloudevents prometheus_client starlette"
    code = (
        "import sys, uvicorn, functions.serve_model.app, functions.serve_model.__main__\n"
        f"print([name for name in '{heavy}'.split() if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


@pytest.mark.case("S7", "a model's own port, by DNS rebinding")
def test_a_process_with_a_key_answers_the_gateway_alone(tmp_path: Path, start: Callable[..., Any]) -> None:
    server = start(tiny_models.write(tmp_path, DATA), GATEWAY_KEY="the-key-of-this-process")
    deadline = time.monotonic() + 30
    while True:
        try:
            status, _, said = server.request("GET", "/readyz", headers={"Host": "evil.com"})
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    assert (status, b"for the gateway alone" in said) == (403, True)
    assert server.request("POST", PREDICT, rows(1), {"X-Gateway-Key": "another"})[0] == 403
    assert server.request("POST", PREDICT, rows(1), {"X-Gateway-Key": "the-key-of-this-process"})[0] == 200
