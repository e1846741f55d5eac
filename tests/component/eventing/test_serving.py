"""The server as a real process: it serves, tells its story in JSON, and ends without dropping a request."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from eventing.serving import ServingError, options

pytestmark = pytest.mark.slow

APPLICATION = """
import time
from pathlib import Path

from eventing.app import create_app


def handler(event, payload):
    Path("started").touch()
    while payload == "slow" and not Path("go on").exists():
        time.sleep(0.01)
    return []


def create():
    return create_app(handler, name="served", accepts={"com.example.*": None})
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


def until(condition: Any, what: str, within_s: float = 20) -> None:
    deadline = monotonic() + within_s
    while not condition():
        assert monotonic() < deadline, f"not in time: {what}"
        sleep(0.02)


class Served:
    """The server process and where it answers."""

    def __init__(self, folder: Path, **env: str) -> None:
        (folder / "application.py").write_text(APPLICATION)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.folder = folder
        own = {"HOST": "127.0.0.1", "PORT": str(self.port), "PYTHONPATH": str(folder)}
        self.env = {**os.environ, **own, **env}
        self.process = self.start()

    def start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", START]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        options = {"cwd": self.folder, "env": self.env, "text": True, "start_new_session": True}
        return subprocess.Popen(command, **options, **streams)  # type: ignore[call-overload]

    def post(self, data: Any, **headers: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("POST", "/", json.dumps(data), {**EVENT, **headers})
            return connection.getresponse().status
        finally:
            connection.close()

    def answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> list[dict[str, Any]]:
        self.process.send_signal(signal.SIGTERM)
        output, _ = self.process.communicate(timeout=20)
        return [json.loads(line) for line in output.splitlines()]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    running = Served(tmp_path)
    until(running.answers, "the server answers")
    yield running
    if running.process.poll() is None:
        os.killpg(running.process.pid, signal.SIGKILL)
    running.process.wait()
    running.process.stdout.close()


def test_every_line_is_json_and_names_the_event_and_its_chain(served: Served) -> None:
    assert served.post("quick") == 204
    lines = served.stop()
    assert served.process.returncode == 0
    (handled,) = [line for line in lines if line["message"] == "handled"]
    assert handled["event_id"] == "e1"
    assert handled["correlation_id"] == "chain"
    assert handled["event_type"] == "com.example.happened"
    assert handled["level"] == "info"


def test_sigterm_lets_the_request_in_hand_end_and_takes_no_other(served: Served) -> None:
    statuses: list[int] = []
    request = threading.Thread(target=lambda: statuses.append(served.post("slow")))
    request.start()
    until((served.folder / "started").exists, "the request is in hand")

    served.process.send_signal(signal.SIGTERM)
    until(lambda: not served.answers(), "new connections are refused")
    assert served.process.poll() is None
    (served.folder / "go on").touch()

    request.join(20)
    assert statuses == [204]
    assert served.process.wait(20) == 0


def test_an_idle_connection_does_not_hold_up_the_end(served: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
    connection.request("GET", "/healthz")
    assert connection.getresponse().read() == b""
    started = monotonic()
    served.stop()
    assert monotonic() - started < 5
    connection.close()


def test_the_longest_key_fits_into_a_header(served: Served) -> None:
    assert served.post("quick", **{"ce-subject": "%E2%98%83" * 1024}) == 204


def test_a_second_server_on_the_same_port_says_so_and_fails(served: Served) -> None:
    second = served.start()
    output, _ = second.communicate(timeout=30)
    assert second.returncode != 0
    assert "in use" in output


def test_nothing_is_written_into_the_working_folder(served: Served) -> None:
    served.post("quick")
    served.stop()
    left = {path.name for path in served.folder.iterdir()}
    assert left <= {"application.py", "started", "__pycache__"}


def test_every_wrong_variable_is_named_at_once() -> None:
    with pytest.raises(ServingError) as caught:
        options({"PORT": "http", "KASCADE_THREADS": "0", "KASCADE_LOG_LEVEL": "loud"})
    assert str(caught.value) == (
        "PORT must be a whole number from 1 to 65535, not 'http'; "
        "KASCADE_THREADS must be a whole number from 1 to 1000, not '0'; "
        "KASCADE_LOG_LEVEL must be debug, info, warning or error, not 'loud'"
    )


def test_by_default_it_serves_a_container() -> None:
    settings = options({})
    assert (settings["bind"], settings["threads"], settings["workers"]) == ("0.0.0.0:8080", 4, 1)


@pytest.mark.case("S7", "a function's own port, by DNS rebinding")
def test_a_process_with_a_key_answers_the_gateway_alone(tmp_path: Path) -> None:
    served = Served(tmp_path, GATEWAY_KEY="the-key-of-this-process")
    until(served.answers, "the server answers")
    shown = (
        {},
        {"Host": "evil.com"},
        {"X-Gateway-Key": "another"},
        {"X-Gateway-Key": "the-key-of-this-process"},
    )
    statuses = [served.post("quick", **headers) for headers in shown]
    assert len(served.stop()) == 1  # one event was handled
    assert statuses == [403, 403, 403, 204]
