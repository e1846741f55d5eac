"""A real Feast of one's own: its registry in an object store, its feature server on loopback."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import urllib3

import pipelines
from eventing.codec import to_structured
from eventing.event import Event
from kascade.system.process import free_port

PROGRAM = "KASCADE_FEAST"
"""The variable that names the Python of an environment that Feast is installed in."""
MISSING = f"needs Feast in an environment of its own: make test-feast, which sets {PROGRAM}"
DEADLINE_S = 240.0
SCRIPT = Path(pipelines.__file__).with_name("feast") / "kascade_feast.py"


def program() -> str | None:
    """Return the Python that has Feast; None where there is none."""
    return os.environ.get(PROGRAM) or None


class Feast:
    """The feature server and the job that applies views.

    Args:
        folder: where SQLite's file and the logs lie.
        store: the variables of the object store.
        variables: others, of both.
    """

    def __init__(self, folder: Path, store: Mapping[str, str], **variables: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.port = folder, free_port()
        self._store, self._variables = dict(store), variables
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def apply(self, event: Event, sink: str) -> subprocess.CompletedProcess[str]:
        """Run the job for an event, as JobSink would."""
        file = self.folder / "event.json"
        file.write_bytes(to_structured(event)[1])
        command = [str(program()), "-E", str(SCRIPT), "apply"]
        env = {**self._env(), "K_EVENT_PATH": str(file), "K_SINK": sink}
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=DEADLINE_S)

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        command = [str(program()), "-E", str(SCRIPT), "serve"]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, env=self._env(), stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + DEADLINE_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"Feast did not start: {self.log()}")
            time.sleep(0.2)

    def kill(self) -> None:
        """End all of its processes at once."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Freeze all of its processes: connections stay open, and nobody answers."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let them go on."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGCONT)

    def log(self) -> str:
        return (self.folder / "server.log").read_text(errors="replace")[-3000:]

    def ask(self, path: str, body: Mapping[str, Any]) -> tuple[int, Any]:
        """Ask the server as any client would."""
        answer = urllib3.request("POST", f"{self.url}{path}", json=dict(body), retries=False, timeout=60)
        return answer.status, json.loads(answer.data)

    def _env(self) -> dict[str, str]:
        own = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8"}
        server = {"HOST": "127.0.0.1", "PORT": str(self.port), "FEAST_FOLDER": str(self.folder / "online")}
        return {**own, **server, **self._store, **self._variables}

    def _answers(self) -> bool:
        try:
            return urllib3.request("GET", f"{self.url}/health", retries=False, timeout=5).status == 200
        except urllib3.exceptions.HTTPError:
            return False
