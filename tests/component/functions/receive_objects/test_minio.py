"""The function as a process behind a real MinIO: its webhook, and what happens when nobody answers it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from support.tables import create_tables

from eventing.catalogue import PING
from eventing.codec import decode, to_binary
from eventing.event import Event
from eventing.store import S3Store
from eventing.testing import build_event
from functions.state.database import make_engine
from kascade.system.stores.minio import MinioStore, Webhook

pytestmark = pytest.mark.slow

TOKEN = "a-token-of-some-length"


def until(condition: Callable[[], bool], what: str, within_s: float = 30) -> None:
    deadline = monotonic() + within_s
    while not condition():
        assert monotonic() < deadline, f"not in time: {what}"
        sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Broker:
    """Stands where the broker's ingress is: takes events and remembers them."""

    def __init__(self, stack: ExitStack) -> None:
        self.events: list[Event] = []
        broker = self

        class Ingress(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                broker.events.append(decode(dict(self.headers), body))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Ingress)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        stack.callback(thread.join)
        stack.callback(server.server_close)
        stack.callback(server.shutdown)
        self.url = f"http://127.0.0.1:{server.server_address[1]}/"

    def keys(self) -> Counter[str]:
        return Counter(event.subject or "" for event in self.events)

    def places(self) -> Counter[tuple[str, str]]:
        return Counter((event.source, event.subject or "") for event in self.events)


class Function:
    """`python -m functions.receive_objects`, which may be killed and started again on the same port."""

    def __init__(self, env: dict[str, str], port: int) -> None:
        self._env = {**os.environ, **env, "HOST": "127.0.0.1", "PORT": str(port), "WEBHOOK_TOKEN": TOKEN}
        self.url = f"http://127.0.0.1:{port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "functions.receive_objects"]
        self._process = subprocess.Popen(
            command, env=self._env, stdout=subprocess.DEVNULL, start_new_session=True
        )
        until(self.ready, "the function is ready")

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    def tick(self) -> int:
        headers, body = to_binary(build_event(PING))
        request = urllib.request.Request(f"{self.url}/", body, headers, method="POST")
        with urllib.request.urlopen(request, timeout=30) as response:
            return int(response.status)

    def kill(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


class System:
    """MinIO, the function behind its webhook, and what stands for the broker."""

    def __init__(self, stack: ExitStack, folder: Path, queue_dir: Path | None) -> None:
        database = f"sqlite:///{folder / 'state.db'}"
        engine = make_engine(database)
        create_tables(engine)
        engine.dispose()
        self.broker = Broker(stack)
        port = free_port()
        minio = MinioStore(folder / "objects", 0, "access", "secretsecret")
        minio.webhook = Webhook(f"http://127.0.0.1:{port}/webhook", TOKEN, queue_dir)
        self.function = Function({**minio.env, "DATABASE_URL": database, "K_SINK": self.broker.url}, port)
        stack.callback(self.function.kill)
        self.function.start()
        stack.enter_context(minio)
        self._store = S3Store.from_env(minio.env)

    def drop(self, *keys: str, bucket: str = "raw") -> None:
        for key in keys:
            self._store.put(f"s3://{bucket}/{key}", key.encode())


@pytest.fixture
def systems(tmp_path: Path) -> Iterator[Callable[[Path | None], System]]:
    if not Path(sys.executable).with_name("minio").exists() and not shutil.which("minio"):
        pytest.skip("needs MinIO: make minio")
    with ExitStack() as stack:
        yield lambda queue_dir: System(stack, tmp_path, queue_dir)


def test_files_dropped_while_the_receiver_is_dead_are_found_by_the_sweep(systems: Any) -> None:
    system: System = systems(None)
    system.drop("churn/münchen 1+2.csv")
    until(lambda: bool(system.broker.events), "the webhook told of the first file")
    assert system.broker.events[0].subject == "churn/münchen 1+2.csv"

    system.function.kill()
    lost = [f"churn/{number}.csv" for number in range(5)]
    system.drop(*lost)
    system.function.start()
    for _ in range(2):
        assert system.function.tick() == 204

    assert system.broker.keys() == Counter(["churn/münchen 1+2.csv", *lost])


def test_the_webhook_tells_of_files_of_data_and_of_labels_and_the_sweep_tells_neither_again(
    systems: Any,
) -> None:
    system: System = systems(None)
    system.drop("churn/july.csv")
    system.drop("churn/labels.csv", bucket="feedback")
    told = Counter([("aws:s3..raw", "churn/july.csv"), ("aws:s3..feedback", "churn/labels.csv")])
    until(lambda: system.broker.places() == told, "the webhook told of both")
    assert system.function.tick() == 204
    assert system.broker.places() == told


def test_with_a_queue_the_webhook_tells_later_and_the_sweep_does_not_tell_again(
    systems: Any, tmp_path: Path
) -> None:
    queue = tmp_path / "queue"
    system: System = systems(queue)
    system.function.kill()
    kept = [f"churn/{number}.csv" for number in range(3)]
    system.drop(*kept)
    system.function.start()
    until(lambda: system.broker.keys() == Counter(kept), "the queue was sent")
    assert system.function.tick() == 204
    assert system.broker.keys() == Counter(kept)
    until(lambda: not any(path.is_file() for path in queue.rglob("*")), "the queue is empty")
