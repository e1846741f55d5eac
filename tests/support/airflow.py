"""A real Airflow 3 of one's own: `airflow standalone` in a folder, with the project's DAGs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import urllib3

from pipelines.engines.airflow import Connection

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "KASCADE_AIRFLOW"
"""The variable that names the program `airflow`, in an environment of its own."""

MISSING = f"needs Airflow 3 in an environment of its own: make test-airflow, which sets {PROGRAM}"
DEADLINE_S = 240.0


def program() -> str | None:
    """Return Airflow's program; None where there is none."""
    return os.environ.get(PROGRAM) or None


class Airflow:
    """The server; `start` may be called again after `kill`, on the same database and port."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self._folder, self._port = folder, _free_port()
        self._variables = variables
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "password").write_text("a secret of the tests")
        passwords = {"kascade": "a secret of the tests"}
        (folder / "simple_auth_manager_passwords.json.generated").write_text(json.dumps(passwords))
        shutil.copytree(ROOT / "pipelines" / "airflow", folder / "dags")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def connection(self) -> Connection:
        return Connection(self.url, user="kascade", password_file=str(self._folder / "password"))

    @property
    def connection_by_asset(self) -> Connection:
        return replace(self.connection, by_asset=True)

    def start(self) -> None:
        """Start it, and wait until it knows the DAGs."""
        name = program()
        assert name is not None
        env = {
            "PATH": f"{Path(name).parent}:{os.environ['PATH']}",
            "HOME": str(self._folder),
            "LANG": "C.UTF-8",
            "AIRFLOW_HOME": str(self._folder),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self._folder / "dags"),
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "kascade:admin",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self._port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(_free_port()),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(_free_port()),
            "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
            "KASCADE_PYTHON": sys.executable,
            "PYTHONPATH": str(ROOT),
            **self._variables,
        }
        with (self._folder / "standalone.log").open("ab") as log:
            self._process = subprocess.Popen(
                [name, "standalone"], env=env, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + DEADLINE_S
        while not self._knows_the_dags():
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.5)

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

    def log(self) -> str:
        """Return the end of what its processes printed."""
        return (self._folder / "standalone.log").read_text(errors="replace")[-4000:]

    def _knows_the_dags(self) -> bool:
        pool = urllib3.PoolManager(retries=False)
        account = {"username": "kascade", "password": "a secret of the tests"}
        try:
            answer = pool.request("POST", f"{self.url}/auth/token", json=account, timeout=5)
            bearer = {"Authorization": f"Bearer {json.loads(answer.data)['access_token']}"}
            listed = pool.request("GET", f"{self.url}/api/v2/dags", headers=bearer, timeout=5)
            return {"kascade_training", "kascade_custom", "kascade_asset"} <= {
                each["dag_id"] for each in json.loads(listed.data)["dags"]
            }
        except (urllib3.exceptions.HTTPError, ValueError, KeyError):
            return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
