"""A real object store, a sink that records, and the job as the process that a JobSink would start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support.training import approve

from eventing.catalogue import TrainingApproved
from eventing.codec import decode, to_structured
from eventing.event import Event
from eventing.store import S3Store
from eventing.testing import build_event
from kascade.system.stores.embedded import EmbeddedStore
from pipelines.request import RunRequest


@pytest.fixture(scope="session")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """An S3 over a folder."""
    with EmbeddedStore(tmp_path_factory.mktemp("store") / "objects", 0, "key", "secretsecret") as running:
        yield running


@pytest.fixture
def store(object_store: EmbeddedStore) -> S3Store:
    """A client of it."""
    return S3Store.from_env(object_store.env)


@dataclass
class RecordingSink:
    """An HTTP sink: `events` arrive in order; it refuses with 503 while `refusing`."""

    url: str = ""
    events: list[Event] = field(default_factory=list)
    refusing: bool = False

    def types(self) -> list[str]:
        """The types that arrived, without their common prefix, and without what tells how far a run is."""
        told = (event.type.removeprefix("dev.kascade.") for event in self.events)
        return [type_ for type_ in told if type_ != "training.progressed"]

    def progress(self) -> list[Event]:
        """What told how far a run is."""
        return [event for event in self.events if event.type == "dev.kascade.training.progressed"]


@pytest.fixture
def sink() -> Iterator[RecordingSink]:
    """A sink on a free port."""
    recording = RecordingSink()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if not recording.refusing:
                recording.events.append(decode(dict(self.headers), body))
            self.send_response(503 if recording.refusing else 202)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    recording.url = f"http://127.0.0.1:{server.server_port}/kascade/default"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield recording
    server.shutdown()
    server.server_close()
    thread.join()


StartJob = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start_job(tmp_path: Path, object_store: EmbeddedStore, sink: RecordingSink) -> Iterator[StartJob]:
    """Start `python -m functions.run_training` for a request; what still runs at the end is ended."""
    running: list[subprocess.Popen[str]] = []

    def start(request: RunRequest, **variables: str) -> subprocess.Popen[str]:
        event = build_event(TrainingApproved.type, approve(request), id_=f"approved-{request.run_id}")
        folder = tmp_path / "jobsink-event"
        folder.mkdir(exist_ok=True)
        (folder / "event").write_bytes(to_structured(event)[1])
        (tmp_path / "tmp").mkdir(exist_ok=True)
        env = {
            **os.environ,
            **object_store.env,
            "K_EVENT_PATH": str(folder),
            "K_SINK": sink.url,
            "TMPDIR": str(tmp_path / "tmp"),
            **variables,
        }
        command = [sys.executable, "-m", "functions.run_training"]
        process = subprocess.Popen(
            command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        running.append(process)
        return process

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def run_job(start_job: StartJob) -> Callable[..., tuple[int, str]]:
    """Run the job to its end; return its exit status and its log."""

    def run(request: RunRequest, **variables: str) -> tuple[int, str]:
        process = start_job(request, **variables)
        log, _ = process.communicate(timeout=110)
        return process.returncode, log

    return run


def read_json(store: S3Store, uri: str) -> dict[str, object]:
    """Read a JSON object of the store."""
    found: dict[str, object] = json.loads(store.get(uri))
    return found
