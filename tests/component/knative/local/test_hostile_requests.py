"""Requests that are too large, have two readings or break off, in the gateway and the API."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator

import psutil
import pytest
import requests

from .conftest import Local
from .raw_http import connect, port_of, request, speak

pytestmark = pytest.mark.slow

INSIDE = "/-/services/default/web"


BROKER = {"apiVersion": "eventing.knative.dev/v1", "kind": "Broker", "metadata": {"name": "default"}}


@pytest.fixture(scope="module")
def local(make_local: Callable[..., Local]) -> Iterator[Local]:
    local = make_local("--max-body-mib", "1")
    local.write(local.service("web"), BROKER)
    yield local.start()
    assert "request failed" not in local.output()
    assert "Traceback" not in local.output()
    assert local.stop() == 0


@pytest.mark.case("S5", "1 GB body")
@pytest.mark.parametrize("path", [f"{INSIDE}/count", "/default/default", "/-/jobsinks/default/none"])
def test_a_body_that_says_it_is_too_large_is_not_read(local: Local, path: str) -> None:
    heard = speak(local, request(path, f"Content-Length: {1 << 30}", method="POST"))
    assert heard.startswith(b"HTTP/1.1 413 ")
    assert b"--max-body-mib" in heard


@pytest.mark.case("S5", "1 GB body in chunks")
@pytest.mark.parametrize("path", [f"{INSIDE}/count", "/default/default"])
def test_a_body_in_chunks_is_read_to_the_bound_only(local: Local, path: str) -> None:
    assert local.process is not None
    runtime = psutil.Process(local.process.pid)
    before = runtime.memory_info().rss
    with connect(local) as connection:
        connection.sendall(request(path, "Transfer-Encoding: chunked", method="POST"))
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        sent = 0
        try:
            while sent < 64 << 20:
                connection.sendall(chunk)
                sent += 0x10000
        except OSError:
            pass  # the gateway has closed
    assert sent < 32 << 20
    assert runtime.memory_info().rss - before < 32 << 20


@pytest.mark.case("T8", "absolute-form request line")
@pytest.mark.parametrize("form", ["http://127.0.0.1:{}", "HTTP://localhost:{}", "http://127.0.0.1"])
def test_a_request_line_with_a_whole_url_is_taken(local: Local, form: str) -> None:
    origin = form.format(port_of(local))
    heard = speak(local, request(f"{origin}{INSIDE}/x?y=1", "Connection: close"))
    assert heard.startswith(b"HTTP/1.1 200 ")
    assert b'"path": "/x?y=1"' in heard
    event = ["ce-specversion: 1.0", "ce-id: 1", "ce-source: /x", "ce-type: t", "Content-Length: 0"]
    assert speak(
        local, request(f"{origin}/default/default", *event, "Connection: close", method="POST")
    ).startswith(b"HTTP/1.1 202 ")


@pytest.mark.case("S7", "a foreign host in the request line")
def test_the_host_of_a_whole_url_goes_before_the_header(local: Local) -> None:
    heard = speak(local, request("http://evil.com/default/default", "Connection: close"))
    assert heard.startswith(b"HTTP/1.1 404 ")


@pytest.mark.case("S8", "Connection: keep-alive, content-length")
@pytest.mark.parametrize(
    "named", ["keep-alive, content-length", "keep-alive, transfer-encoding", "keep-alive, host"]
)
def test_no_request_is_smuggled_past_what_a_connection_header_names(local: Local, named: str) -> None:
    smuggled = request(f"{INSIDE}/smuggled")
    body = [f"Content-Length: {len(smuggled)}"]
    if "transfer" in named:
        body, smuggled = ["Transfer-Encoding: chunked"], b"%x\r\n%s\r\n0\r\n\r\n" % (len(smuggled), smuggled)
    answers = [
        speak(
            local,
            request(f"{INSIDE}/count", f"Connection: {named}", *body, method="POST")
            + smuggled
            + request(f"{INSIDE}/own", "Connection: close"),
        )
        for _ in range(30)
    ]
    others = [local.get("web", f"/other-{number}").json()["path"] for number in range(60)]

    assert others == [f"/other-{number}" for number in range(60)]
    for heard in answers:
        assert b"/smuggled" not in heard
        assert heard.count(b"HTTP/1.1 200") == 2


@pytest.mark.case("S8", "two lengths, or a length and chunks")
@pytest.mark.parametrize(
    "headers",
    [
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked, identity"],
        ["Transfer-Encoding : chunked"],
        ["Content-Length: +5"],
        ["Content-Length: 0x5"],
    ],
)
def test_what_has_two_readings_is_refused(local: Local, headers: list[str]) -> None:
    heard = speak(local, request(f"{INSIDE}/count", *headers, method="POST") + b"hello", end=True)
    assert heard[9:13] == b"400 "
    assert heard.count(b"HTTP/1.") == 1


@pytest.mark.case("T8", "10,000 connections that are closed")
def test_the_gateway_answers_at_once_after_thousands_of_clients_left(local: Local) -> None:
    for number in range(2000):
        with connect(local) as connection:
            if number % 2:
                connection.sendall(b"GET / HT")
    began = time.monotonic()
    assert requests.get(local.endpoints["gateway"], timeout=10).status_code == 200
    assert time.monotonic() - began < 2


@pytest.mark.case("T8", "a client that breaks off")
@pytest.mark.parametrize("what", ["gateway", "api"])
def test_no_traceback_is_logged_for_a_client_that_breaks_off(local: Local, what: str) -> None:
    said = request(f"{INSIDE}/?s=0.3", f"Authorization: Bearer {local.token}")
    for piece in (
        said,
        said[:20],
        b"\x16\x03\x01\x02\x00\x01",
        request("/default/default", "Content-Length: 9", method="POST") + b"x",
    ):
        with connect(local, what) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            connection.sendall(piece)
    assert requests.get(local.endpoints["gateway"], timeout=10).status_code == 200
    assert "Traceback" not in local.output()
    assert "Error handling request" not in local.output()
