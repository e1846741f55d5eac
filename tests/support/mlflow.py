"""A real MLflow server of one's own: `mlflow server` in a folder, on loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import urllib3

PROGRAM = "KASCADE_MLFLOW"
"""The variable that names the program `mlflow`, in an environment of its own."""
MISSING = f"needs an MLflow server in an environment of its own: make test-mlflow, which sets {PROGRAM}"
DEADLINE_S = 120.0


def program() -> str | None:
    """Return MLflow's program; None where there is none."""
    return os.environ.get(PROGRAM) or None


class Mlflow:
    """The server; `start` may be called again after `stop`, on the same data and port."""

    def __init__(self, folder: Path, *, password: str = "") -> None:
        """Prepare a server; with a password it asks for an account, `admin`."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._port, self._password = folder, _free_port(), password
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        name = program()
        assert name is not None
        command = [name, "server", "--host", "127.0.0.1", "--port", str(self._port), "--workers", "1"]
        command += ["--backend-store-uri", f"sqlite:///{self._folder / 'mlflow.db'}"]
        command += ["--artifacts-destination", str(self._folder / "artifacts")]
        env = {
            "PATH": f"{Path(name).parent}:{os.environ['PATH']}",
            "HOME": str(self._folder),
            "LANG": "C.UTF-8",
        }
        env |= {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        if self._password:
            config = self._folder / "auth.ini"
            config.write_text(
                "[mlflow]\ndefault_permission = READ\nadmin_username = admin\n"
                f"database_uri = sqlite:///{self._folder / 'auth.db'}\nadmin_password = {self._password}\n"
                "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
            )
            env |= {"MLFLOW_AUTH_CONFIG_PATH": str(config), "MLFLOW_FLASK_SERVER_SECRET_KEY": "of the tests"}
            command += ["--app-name", "basic-auth"]
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self._folder, env=env, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + DEADLINE_S
        while not self._answers():
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.2)

    def stop(self) -> None:
        """End it and its workers."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def log(self) -> str:
        """Return the end of what it printed."""
        return (self._folder / "server.log").read_text(errors="replace")[-4000:]

    def _answers(self) -> bool:
        try:
            return (
                urllib3.PoolManager(retries=False).request("GET", f"{self.url}/health", timeout=2).status
                == 200
            )
        except urllib3.exceptions.HTTPError:
            return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
