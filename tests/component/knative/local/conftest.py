"""A real runtime as a process of its own, and a small program for it to run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
import yaml

PROGRAM = """
import http.server, json, os, signal, sys, threading, time, urllib.parse

if os.environ.get("CRASH"):
    print("about to fail: " + os.environ["CRASH"], flush=True)
    sys.exit(3)
time.sleep(float(os.environ.get("START_S", "0")))
READY_AT = time.monotonic() + float(os.environ.get("READY_AFTER_S", "0"))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536
    disable_nagle_algorithm = True

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/readyz":
            ready = time.monotonic() >= READY_AT and not os.environ.get("NEVER")
            return self.answer(200 if ready else 503, b"")
        if url.path == "/exit":
            os._exit(1)
        if url.path == "/stream":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for part in (b"first", b"second"):
                self.wfile.write(b"%x\\r\\n%s\\r\\n" % (len(part), part))
                self.wfile.flush()
                time.sleep(0.2)
            return self.wfile.write(b"0\\r\\n\\r\\n")
        time.sleep(float(query.get("s", 0)))
        told = {"env": dict(os.environ), "path": self.path, "pid": os.getpid(), "headers": dict(self.headers)}
        return self.answer(200, json.dumps(told).encode())

    def do_POST(self):
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size) if size else self.chunks()
        if os.environ.get("RECORD"):
            headers = {k.lower(): v for k, v in self.headers.items()}
            told = {"headers": headers, "body": body.decode(), "path": self.path}
            with open(os.environ["RECORD"], "a") as file:
                file.write(json.dumps(told) + "\\n")
        if self.path.startswith("/count"):
            return self.answer(200, str(len(body)).encode())
        return self.answer(int(os.environ.get("STATUS", "204")), b"")

    def chunks(self):
        body = b""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return body
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def answer(self, status, body):
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
    block_on_close = True


server = Server(("127.0.0.1", int(os.environ["PORT"])), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
"""


def until(condition: Callable[[], Any], *, within_s: float = 40.0, what: str = "") -> Any:
    """Return the condition's value as soon as it is true; fail after `within_s` seconds."""
    deadline = time.monotonic() + within_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            pytest.fail(f"not within {within_s} s: {what or condition}")
        time.sleep(0.02)


@dataclass
class Local:
    """A runtime in its own state folder."""

    folder: Path
    manifests: Path
    arguments: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    endpoints: dict[str, Any] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def program(self) -> Path:
        return self.folder / "program.py"

    def write(self, *objects: dict[str, Any]) -> None:
        self.manifests.write_text(yaml.safe_dump_all(objects))

    def service(self, name: str, *, env: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
        """Return a Service that runs the program."""
        container: dict[str, Any] = {
            "image": "program",
            "command": [sys.executable, str(self.program)],
            "env": [{"name": k, "value": v} for k, v in (env or {}).items()],
            "readinessProbe": {"httpGet": {"path": "/readyz"}},
        }
        metadata: dict[str, Any] = {"annotations": more.pop("annotations", {})}
        if "revision" in more:
            metadata["name"] = more.pop("revision")
        labels, traffic = more.pop("labels", {}), more.pop("traffic", None)
        spec: dict[str, Any] = {
            "template": {"metadata": metadata, "spec": {"containers": [container], **more}}
        }
        if traffic:
            spec["traffic"] = traffic
        return {
            "apiVersion": "serving.knative.dev/v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": "default", "labels": labels},
            "spec": spec,
        }

    def start(self, *arguments: str) -> Local:
        self.process = self.spawn(*arguments)
        self.endpoints = until(self._ready, within_s=120, what="the runtime is ready")
        return self

    def spawn(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "knative.local", "--manifests", str(self.manifests)]
        command += ["--state-dir", str(self.state), "--gateway-port", "0", "--api-port", "0"]
        with (self.folder / "out.log").open("ab") as out:
            return subprocess.Popen([*command, *self.arguments, *arguments], stdout=out, stderr=out)

    def _ready(self) -> dict[str, Any] | None:
        assert self.process is not None
        if self.process.poll() is not None:
            pytest.fail(f"the runtime ended: {self.output()}")
        path = self.state / "endpoints.json"
        told: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return told if told.get("pid") == self.process.pid else None

    def output(self) -> str:
        return (self.folder / "out.log").read_text()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Signal the runtime and return its exit code."""
        if self.process is None:
            return 0
        self.process.send_signal(number)
        code = self.process.wait(30)
        self.process = None
        return code

    def environs(self) -> dict[psutil.Process, dict[str, str]]:
        """Return this runtime's processes with their environments."""
        found = {}
        for child in self.children():
            with suppress(psutil.Error):  # it has just ended
                found[child] = child.environ()
        return found

    def children(self) -> list[psutil.Process]:
        """Return the processes that carry the mark of this runtime's state folder."""
        mark = f"KNATIVE_LOCAL_STATE={self.state.resolve()}".encode()
        found = []
        for process in psutil.process_iter():
            try:
                if mark in Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0"):
                    found.append(process)
            except OSError:
                continue
        return found

    def get(self, service: str, path: str = "/", **options: Any) -> requests.Response:
        """GET a Service of the default namespace through the gateway, by its host."""
        headers = {"Host": f"{service}.default.localhost", **options.pop("headers", {})}
        return requests.get(self.endpoints["gateway"] + path, headers=headers, timeout=30, **options)

    def send(self, path: str, id_: str = "1", type_: str = "test.happened", **more: Any) -> requests.Response:
        """POST an event in binary mode."""
        headers = {"ce-id": id_, "ce-source": "/test", "ce-type": type_, "ce-specversion": "1.0"}
        headers["Content-Type"] = "application/json"
        return requests.post(
            self.endpoints["gateway"] + path, headers=headers, json=more or {"n": 1}, timeout=30
        )

    @property
    def token(self) -> str:
        """What the API asks for."""
        return (self.state / "api-token").read_text().strip()

    def api(self, method: str, path: str, **options: Any) -> requests.Response:
        """Ask the API as the state folder's owner."""
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return requests.request(method, self.endpoints["api"] + path, timeout=30, headers=headers, **options)

    def object(self, path: str) -> dict[str, Any]:
        body: dict[str, Any] = self.api("GET", path).json()
        return body

    def ready(self, path: str) -> tuple[str, str, str]:
        """Return status, reason and message of an object's Ready condition."""
        for entry in (self.object(path).get("status") or {}).get("conditions") or ():
            if entry["type"] == "Ready":
                return entry["status"], entry.get("reason", ""), entry.get("message", "")
        return "", "", ""


SERVICES = "/apis/serving.knative.dev/v1/namespaces/default/services"
REVISIONS = "/apis/serving.knative.dev/v1/namespaces/default/revisions"
JOBS = "/apis/batch/v1/namespaces/default/jobs"


def object_of(api: str, kind: str, name: str, spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": {"name": name, "namespace": "default", **metadata},
        "spec": spec,
    }


def job_sink(name: str, script: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "job", "image": "none", "command": ["sh", "-c", script]}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    job = {"metadata": {"labels": {"emits": "yes"}}, "spec": {"template": template, **spec}}
    return object_of("sinks.knative.dev/v1alpha1", "JobSink", name, {"job": job})


def records(path: Path) -> list[dict[str, Any]]:
    """Return what the program wrote down of the events it got."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture(scope="module")
def make_local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Local]]:
    """Make runtimes; whatever still runs in the end is stopped."""
    made: list[Local] = []

    def make(*arguments: str) -> Local:
        folder = tmp_path_factory.mktemp("local")
        (folder / "program.py").write_text(PROGRAM)
        made.append(Local(folder, folder / "manifests.yaml", arguments))
        return made[-1]

    yield make
    for local in made:
        if local.process is not None and local.process.poll() is None:
            local.process.kill()
            local.process.wait(10)
        for child in local.children():
            os.kill(child.pid, signal.SIGKILL)
