"""A real Airflow 3 of one's own, which can be killed."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import urllib3

from kascade.system.airflow import PROGRAM, USER, LocalAirflow
from pipelines.engines.airflow import Connection

MISSING = f"needs Airflow 3 in an environment of its own: make test-airflow, which sets {PROGRAM}"


def program() -> str | None:
    """Return Airflow's program; None where there is none."""
    return os.environ.get(PROGRAM) or None


class Airflow(LocalAirflow):
    """The server; `start` may be called again after `kill`, on the same database and port."""

    def __init__(self, folder: Path, **variables: str) -> None:
        super().__init__(program() or "airflow", folder)
        self._variables = variables

    @property
    def connection(self) -> Connection:
        return Connection(self.url, user=USER, password_file=str(self.password_file))

    def connection_at(self, url: str, **changes: Any) -> Connection:
        """Return a connection that leads to Airflow by another way, or with other means."""
        return replace(self.connection, endpoint=url, **changes)

    def ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Ask its API, as a person does."""
        headers = {"Authorization": f"Bearer {self.token()}"}
        answer = urllib3.request(method, f"{self.url}/api/v2{path}", json=body, headers=headers)
        assert answer.status < 300, answer.data
        found: dict[str, Any] = json.loads(answer.data)
        return found

    def token(self) -> str:
        """Return a new token of the account."""
        account = {"username": USER, "password": self.password_file.read_text()}
        answer = urllib3.request("POST", f"{self.url}/auth/token", json=account)
        return str(json.loads(answer.data)["access_token"])

    @contextmanager
    def paused(self, *dags: str) -> Iterator[None]:
        """Begin no run of these DAGs until the context ends."""
        for dag in dags:
            self.ask("PATCH", f"/dags/{dag}", {"is_paused": True})
        try:
            yield
        finally:
            for dag in dags:
                self.ask("PATCH", f"/dags/{dag}", {"is_paused": False})

    def restart(self) -> None:
        """Start it with the variables that it was made with."""
        self.start(self._variables)

    def kill(self) -> None:
        """End all of its processes at once, tasks at work included."""
        if self._process is None:
            return
        found = [
            *psutil.Process(self._process.pid).children(recursive=True),
            psutil.Process(self._process.pid),
        ]
        for each in found:
            _signal(each, signal.SIGKILL)
        psutil.wait_procs(found, timeout=10)
        self._process.wait()
        self._process = None


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
