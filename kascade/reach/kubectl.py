"""`kubectl proxy` on a Unix socket, for the time of one command.

Contexts, certificates and the plug-ins that log in stay kubectl's business. A TCP port would give every user
of this machine the cluster; the socket lies in a folder that only its owner may enter.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from kascade.reach.port import CallError
from kascade.system.process import end_with_parent

_READY_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 5.0
_POLL_S = 0.02


class KubectlProxy:
    """One `kubectl proxy`; it ends with `close`, and with this process however that ends."""

    def __init__(self, context: str | None) -> None:
        """Start it and wait until it listens.

        Raises:
            CallError: there is no kubectl, or it did not start; the message has its own words.
        """
        kubectl = shutil.which("kubectl")
        if kubectl is None:
            raise CallError("there is no kubectl on the PATH; a system on a cluster is spoken to through it")
        self._folder = Path(tempfile.mkdtemp(prefix="kascade-"))  # mode 0700
        self.socket = self._folder / "kubectl.sock"
        command = [kubectl, "proxy", f"--unix-socket={self.socket}"]
        if context is not None:
            command.append(f"--context={context}")
        try:
            with (self._folder / "log").open("wb") as log:
                # Its own session: Ctrl-C must reach us first, so that what is under way ends in order.
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    preexec_fn=end_with_parent,
                )
        except OSError as error:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise CallError(f"{kubectl} cannot be run: {error.strerror}") from error
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    def _wait(self) -> None:
        deadline = time.monotonic() + _READY_TIMEOUT_S
        while not self._listens():
            if self._process.poll() is not None:
                raise CallError(f"kubectl did not start: {self._last_words()}")
            if time.monotonic() > deadline:
                raise CallError(f"kubectl did not start within {_READY_TIMEOUT_S:g} s: {self._last_words()}")
            time.sleep(_POLL_S)

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, suppress(OSError):
            probe.connect(str(self.socket))
            return True
        return False

    def _last_words(self) -> str:
        lines = (self._folder / "log").read_text(errors="replace").strip().splitlines()
        return lines[-1].removeprefix("error: ") if lines else "it said nothing"

    def close(self) -> None:
        """End it and remove its folder."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
