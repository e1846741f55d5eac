"""Own a server process on a loopback port: start it, wait until it answers, end it."""

from __future__ import annotations

import ctypes
import http.client
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from kascade.errors import KascadeError

HOST = "127.0.0.1"
READY_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
_POLL_S = 0.05
_PR_SET_PDEATHSIG = 1


class StoreProcessError(KascadeError):
    """An object store's process did not start; the message says why and what to do."""


class ServerProcess:
    """One server process that this process started and ends."""

    def __init__(
        self, command: Sequence[str], env: Mapping[str, str], *, port: int, log: Path, name: str | None = None
    ) -> None:
        self._name = name or Path(command[0]).name
        self._command = list(command)
        self._env = dict(env)
        self._port = port
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process's id; 0 when it is not running."""
        return self._process.pid if self._process else 0

    @property
    def exit_code(self) -> int | None:
        """The code that the process ended with by itself; None while it runs, and when it was not started."""
        return self._process.poll() if self._process else None

    def start(self) -> None:
        """Start the process and wait until it answers HTTP on its port.

        Raises:
            StoreProcessError: the port is in use, or the process ended or did not answer in time.
        """
        name = self._name
        refuse_used_port(self._port, name)
        self._process = self._launched()
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not _answers(self._port):
            if self._process.poll() is not None:
                raise StoreProcessError(
                    f"{name} ended with code {self._process.returncode}: {self._last_words()}"
                )
            if time.monotonic() > deadline:
                self.stop()
                raise StoreProcessError(f"{name} did not answer on port {self._port}: {self._last_words()}")
            time.sleep(_POLL_S)

    def relaunch(self) -> None:
        """Start the process again after it ended, without waiting until it answers."""
        self._process = self._launched()

    def stop(self) -> None:
        """End the process, by force if it does not end by itself."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _launched(self) -> subprocess.Popen[bytes]:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            # In a session of its own, so that Ctrl-C reaches only us: we end it after those that use it.
            return subprocess.Popen(
                self._command,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return f"{lines[-1] if lines else 'it wrote nothing'} (log: {self._log})"


def refuse_used_port(port: int, name: str) -> None:
    """Raise unless the loopback port can be bound now.

    Raises:
        StoreProcessError: naming the port and what to do.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise StoreProcessError(
                f"{name} cannot listen on {HOST}:{port}: {error.strerror}. Choose another port."
            ) from error


def free_port() -> int:
    """Return a loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def find_binary(name: str, given: Path | None, fix: str) -> str:
    """Return the path of a binary: the one given, else beside this Python, else on the PATH.

    Raises:
        StoreProcessError: it is in none of these places; the message ends with `fix`.
    """
    if given is not None:
        found = shutil.which(given)
    else:
        found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        raise StoreProcessError(f"there is no {given or name}: {fix}")
    return found


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=1)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def end_with_parent() -> None:
    """Ask Linux to end this child when its parent dies, however that happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
