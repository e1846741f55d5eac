"""The gateway on the wire: what HTTP/1.1 allows, what it forbids, and processes that break off."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Callable, Iterator

import psutil
import pytest
import requests

from .conftest import Local, until
from .raw_http import accepted, break_off, connect, read_to_the_end, request, speak

RAW = """
import os, socket, threading

def serve(client):
    data = b""
    while b"\\r\\n\\r\\n" not in data:
        piece = client.recv(65536)
        if not piece:
            return
        data += piece
    path = data.split(b" ")[1]
    if path == b"/open-ended":
        client.sendall(b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\n\\r\\nuntil the end")
    elif path == b"/short":
        client.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 100\\r\\n\\r\\nonly this")
    elif path == b"/cut-chunk":
        head = b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nTransfer-Encoding: chunked\\r\\n"
        client.sendall(head + b"\\r\\nff\\r\\nonly")
    elif path == b"/silent":
        pass
    elif path == b"/nonsense":
        client.sendall(b"what?\\r\\n\\r\\n")
    elif path == b"/interim":
        client.sendall(b"HTTP/1.1 103 Early Hints\\r\\nLink: a\\r\\n\\r\\n")
        client.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
    else:
        head = b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\nX-Odd: \\xe9\\r\\n\\r\\n" % len(data)
        client.sendall(head + data)
    client.close()

server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])), backlog=64)
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"""


@pytest.fixture(scope="module")
def local(make_local: Callable[..., Local]) -> Iterator[Local]:
    local = make_local()
    raw = local.service("raw")
    container = raw["spec"]["template"]["spec"]["containers"][0]
    container["command"] = [sys.executable, "-c", RAW]
    del container["readinessProbe"]
    broker = {"apiVersion": "eventing.knative.dev/v1", "kind": "Broker", "metadata": {"name": "default"}}
    one = {"autoscaling.knative.dev/max-scale": "1"}
    single = local.service("single", annotations=one, containerConcurrency=1)
    local.write(raw, local.service("web"), single, broker)
    yield local.start()
    assert "request failed" not in local.output()
    assert "Traceback" not in local.output()
    assert local.stop() == 0


RAW_PATH, WEB_PATH = "/-/services/default/raw", "/-/services/default/web"


def test_requests_sent_ahead_are_answered_in_order(local: Local) -> None:
    said = (
        request(f"{WEB_PATH}/?s=0.2")
        + request("/nowhere/at/all")
        + request(f"{WEB_PATH}/b", "Connection: close")
    )
    heard = speak(local, said)
    assert re.findall(rb"HTTP/1.1 (\d+)", heard) == [b"200", b"405", b"200"]


def test_a_process_sees_no_header_of_the_connection_alone(local: Local) -> None:
    said = request(
        RAW_PATH,
        "Connection: close, Upgrade, X-Mine",
        "X-Mine: 1",
        "X-Yours: 2",
        "TE: trailers",
        "Upgrade: h2c",
    )
    heard = speak(local, said).lower()
    assert b"x-yours: 2" in heard
    assert b"x-mine" not in heard
    assert b"te: trailers" not in heard
    assert b"upgrade" not in heard
    assert b"x-odd: \xc3\xa9" in heard


@pytest.mark.parametrize("options", ["content-length", "X-Mine, Content-Length", "host, content-length"])
def test_a_connection_header_cannot_hide_where_a_body_ends(local: Local, options: str) -> None:
    smuggled = request("/smuggled", "Content-Length: 0", method="POST")
    said = request(
        f"{WEB_PATH}/count",
        f"Connection: {options}",
        "Connection: close",
        f"Content-Length: {len(smuggled)}",
        method="POST",
    )
    assert speak(local, said + smuggled).endswith(b"\r\n\r\n%d" % len(smuggled))


def test_every_connection_header_names_what_is_not_passed_on(local: Local) -> None:
    said = request(RAW_PATH, "Connection: X-Mine", "Connection: X-Yours, close", "X-Mine: 1", "X-Yours: 2")
    heard = speak(local, said).lower()
    assert b"x-mine" not in heard
    assert b"x-yours" not in heard


def test_head_has_the_headers_and_no_body(local: Local) -> None:
    for _ in range(2):
        answer = requests.head(local.endpoints["gateway"] + RAW_PATH, timeout=10)
        assert (answer.status_code, answer.content) == (200, b"")
        assert int(answer.headers["Content-Length"]) > 0


def test_an_answer_without_a_length_ends_with_its_connection(local: Local) -> None:
    assert (
        requests.get(f"{local.endpoints['gateway']}{RAW_PATH}/open-ended", timeout=10).text == "until the end"
    )
    heard = speak(local, request(f"{RAW_PATH}/open-ended", version="1.0"))
    assert heard.endswith(b"\r\n\r\nuntil the end")
    assert b"transfer-encoding" not in heard


def test_interim_answers_are_not_taken_for_the_answer(local: Local) -> None:
    assert requests.get(f"{local.endpoints['gateway']}{RAW_PATH}/interim", timeout=10).text == "ok"


@pytest.mark.parametrize("path", ["/short", "/cut-chunk"])
def test_an_answer_cut_off_is_cut_off_for_the_client_too(local: Local, path: str) -> None:
    with pytest.raises(requests.exceptions.RequestException):
        _ = requests.get(f"{local.endpoints['gateway']}{RAW_PATH}{path}", timeout=10).content


@pytest.mark.parametrize("path", ["/silent", "/nonsense"])
def test_a_process_that_gives_no_answer_is_a_502(local: Local, path: str) -> None:
    answer = requests.post(f"{local.endpoints['gateway']}{RAW_PATH}{path}", data="x", timeout=10)
    assert answer.status_code == 502
    assert "raw broke off" in answer.text


def test_a_process_that_ends_in_the_middle_is_a_502_and_the_next_request_gets_another(local: Local) -> None:
    first = local.get("web").json()["pid"]
    assert local.get("web", "/exit").status_code == 502
    assert local.get("web").json()["pid"] != first


def test_a_client_that_is_told_to_go_on_sends_its_body(local: Local) -> None:
    said = request(
        f"{WEB_PATH}/count", "Expect: 100-continue", "Content-Length: 3", "Connection: close", method="POST"
    )
    heard = speak(local, said + b"abc")
    assert heard.startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert heard.endswith(b"\r\n\r\n3")


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (request("/", "Content-Length: 1", "Transfer-Encoding: chunked"), b"400"),
        (request("/", f"X-Long: {'x' * 70_000}"), b"400"),
        (request(WEB_PATH, "Connection: Upgrade", "Upgrade: websocket"), b"501"),
        (request("127.0.0.1:80", method="CONNECT"), b"501"),
        (request("/", "Content-Length: 1", "Content-Length: 2"), b"400"),
        (request("/", "Transfer-Encoding: chunked, identity"), b"400"),
    ],
)
def test_what_is_not_plain_http_is_refused(local: Local, said: bytes, status: bytes) -> None:
    assert speak(local, said).split()[1] == status


@pytest.mark.parametrize("path", [f"{WEB_PATH}/count", "/default/default"])
def test_a_body_that_turns_out_to_be_malformed_is_refused(local: Local, path: str) -> None:
    assert local.get("web").status_code == 200
    with connect(local) as connection:
        said = request(path, "Transfer-Encoding: chunked", "Expect: 100-continue", method="POST")
        connection.sendall(said + b"3\r\nabc\r\n")
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"  # it waits for the rest
        connection.sendall(b"no length\r\nabc")
        heard = read_to_the_end(connection)
    assert heard.split()[1] == b"400"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/default/default", 405),
        ("OPTIONS", "/default/default", 200),
        ("POST", "/default/default", 400),
        ("POST", "/default/none", 404),
        ("POST", "/default", 400),
        ("POST", "/default/default/more", 400),
        ("POST", "/", 404),
        ("GET", "/-/jobsinks/default/none", 405),
    ],
)
def test_the_broker_s_door_answers_as_knative_s_does(
    local: Local, method: str, path: str, status: int
) -> None:
    answer = requests.request(method, local.endpoints["gateway"] + path, timeout=10)
    assert answer.status_code == status
    if "default/default" in path and status != 404:
        assert answer.headers["Allow"] == "POST, OPTIONS"


def test_a_client_that_leaves_frees_its_process(local: Local) -> None:
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.get(f"{local.endpoints['gateway']}{WEB_PATH}/?s=5", timeout=0.2)
    assert local.get("web").status_code == 200


def test_an_upload_that_breaks_off_frees_its_process(local: Local) -> None:
    assert local.get("single").status_code == 200
    path = "/-/services/default/single/count"
    for _ in range(3):
        break_off(local, request(path, "Content-Length: 100000", method="POST") + b"half")

    assert local.get("single").status_code == 200


EVENT = ("ce-specversion: 1.0", "ce-source: /s", "ce-type: t", "ce-id: 1")


@pytest.mark.parametrize("path", ["/default/default", "/-/jobsinks/default/none"])
def test_an_event_that_breaks_off_leaves_nothing_behind(local: Local, path: str) -> None:
    assert local.process is not None
    runtime = psutil.Process(local.process.pid)
    before = runtime.num_fds()
    said = request(path, *EVENT, "Content-Length: 100", method="POST") + b"half"
    taken = accepted(local)

    for _ in range(20):
        break_off(local, said)

    until(lambda: runtime.num_fds() <= before + 2, what="the connections are closed")
    assert accepted(local) == taken


def test_a_whole_request_is_answered_though_one_sent_ahead_breaks_off(local: Local) -> None:
    with connect(local) as connection:
        half = request(f"{WEB_PATH}/count", "Content-Length: 9", method="POST") + b"half"
        connection.sendall(request(f"{WEB_PATH}/?s=0.3") + half)
        connection.shutdown(socket.SHUT_WR)
        heard = read_to_the_end(connection)
    assert re.findall(rb"HTTP/1.1 (\d+)", heard) == [b"200"]
    assert heard.endswith(b"}")


OFFER = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA")


@pytest.mark.parametrize("cut", [1, 20, 400])
def test_an_offer_of_http_2_is_not_taken_and_its_request_is_answered(local: Local, cut: int) -> None:
    said = request(f"{WEB_PATH}/count", *OFFER, "Content-Length: 3", method="POST") + b"abc"
    with connect(local) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(said), cut):
            connection.sendall(said[at : at + cut])
        heard = read_to_the_end(connection)
    assert re.findall(rb"HTTP/1.1 (\d+)", heard) == [b"200"]
    assert heard.endswith(b"\r\n\r\n3")


def test_what_is_sent_ahead_of_a_half_closed_connection_is_answered(local: Local) -> None:
    with connect(local) as connection:
        connection.sendall(request(f"{WEB_PATH}/?s=0.2") * 2 + request("/nowhere/at/all"))
        connection.shutdown(socket.SHUT_WR)
        heard = read_to_the_end(connection)
    assert re.findall(rb"HTTP/1.1 (\d+)", heard) == [b"200", b"200", b"405"]


@pytest.mark.parametrize(
    ("wish", "status"), [(OFFER, b"202"), (("Connection: Upgrade", "Upgrade: websocket"), b"501")]
)
def test_an_event_is_taken_if_and_only_if_it_is_answered_so(
    local: Local, wish: tuple[str, ...], status: bytes
) -> None:
    before = accepted(local)
    said = request("/default/default", *EVENT, *wish, "Content-Length: 2", method="POST") + b"{}"
    with connect(local) as connection:
        connection.sendall(said)
        assert connection.recv(65536).split()[1] == status
    assert accepted(local) == before + (status == b"202")
