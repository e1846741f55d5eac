"""A real Airflow beside a local system: `airflow standalone` in a folder, with the project's DAGs."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import urllib3

import pipelines
from kascade.system.home import HomeError
from kascade.system.process import end_with_parent, find_binary, free_port

PROGRAM = "KASCADE_AIRFLOW"
"""The variable that names the program `airflow`, in an environment of its own."""
USER = "kascade"
DAGS = frozenset({"kascade_training", "kascade_custom"})
READY_TIMEOUT_S = 240.0
_STOP_TIMEOUT_S = 20.0


def find_airflow() -> str:
    """Return Airflow's program. Raises: StoreProcessError: there is none."""
    given = os.environ.get(PROGRAM)
    return find_binary("airflow", Path(given) if given else None, f"make .cache/airflow, and set {PROGRAM}")


class LocalAirflow:
    """The server; `start` may be called again after it has ended, on the same database and port.

    Args:
        program: Airflow's.
        folder: where its database, logs and passwords lie.
    """

    def __init__(self, program: str, folder: Path) -> None:
        self._program, self._folder, self._port = program, folder, free_port()
        self._ports = [free_port(), free_port()]
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._password = secrets.token_urlsafe()
        self.password_file.touch(mode=0o600)
        self.password_file.write_text(self._password)
        generated = folder / "simple_auth_manager_passwords.json.generated"
        generated.touch(mode=0o600)
        generated.write_text(json.dumps({USER: self._password}))
        shutil.copytree(Path(pipelines.__file__).with_name("airflow"), folder / "dags", dirs_exist_ok=True)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def password_file(self) -> Path:
        """The password of the account `kascade`."""
        return self._folder / "password"

    def start(self, variables: Mapping[str, str]) -> None:
        """Start it, and wait until it knows the DAGs.

        Args:
            variables: of the tasks: where the object store and the Broker are.

        Raises:
            HomeError: it ended, or did not answer in time.
        """
        env = {
            "PATH": f"{Path(self._program).parent}:{os.environ['PATH']}",
            "HOME": str(self._folder),
            "LANG": "C.UTF-8",
            "AIRFLOW_HOME": str(self._folder),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self._folder / "dags"),
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self._port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(self._ports[0]),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(self._ports[1]),
            "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
            "KASCADE_PYTHON": sys.executable,
            "PYTHONPATH": str(Path(pipelines.__file__).parents[1]),
            **variables,
        }
        with (self._folder / "standalone.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "standalone"],
                env=env,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not self._knows_the_dags():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise HomeError(f"Airflow did not start:\n{self.log()}")
            time.sleep(0.5)

    def stop(self) -> None:
        """End it and what it has started."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_TIMEOUT_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def log(self) -> str:
        """Return the end of what its processes printed."""
        return (self._folder / "standalone.log").read_text(errors="replace")[-4000:]

    def _knows_the_dags(self) -> bool:
        pool = urllib3.PoolManager(retries=False)
        account = {"username": USER, "password": self._password}
        try:
            answer = pool.request("POST", f"{self.url}/auth/token", json=account, timeout=5)
            bearer = {"Authorization": f"Bearer {json.loads(answer.data)['access_token']}"}
            listed = pool.request("GET", f"{self.url}/api/v2/dags", headers=bearer, timeout=5)
            return {each["dag_id"] for each in json.loads(listed.data)["dags"]} >= DAGS
        except (urllib3.exceptions.HTTPError, ValueError, KeyError):
            return False
