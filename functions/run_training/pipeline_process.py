"""The pipeline run as a child process with a workspace of its own, of which nothing is left behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from pipelines.local_run import announced

_GRACE_S = 5.0


class Running(Protocol):
    """A pipeline process that waits for its parameters."""

    def run(self, parameters: Mapping[str, Any]) -> bool:
        """Give the parameters and wait; return whether the pipeline succeeded."""
        ...

    def announced(self) -> bool:
        """Tell whether the run's exit task has sent its event."""
        ...

    def close(self) -> None:
        """End what still runs and remove the workspace."""
        ...


class PipelineProcess:
    """Runs `python -m pipelines run`. It loads while the caller still prepares, hence two stages."""

    def __init__(self, run_id: str, package: bytes | None = None) -> None:
        """Start loading.

        Args:
            run_id: names the workspace, so that a later attempt removes what a killed one left.
            package: a compiled pipeline to run instead of ours.
        """
        self.workspace = workspace_of(run_id)
        shutil.rmtree(self.workspace, ignore_errors=True)
        (self.workspace / "tmp").mkdir(parents=True)
        command = [sys.executable, "-m", "pipelines", "run", "--workspace", str(self.workspace)]
        command.append("--with-parent")
        if package is not None:
            file = self.workspace / "custom.yaml"
            file.write_bytes(package)
            command += ["--package", str(file)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, env=child_env(self.workspace), start_new_session=True
        )

    def run(self, parameters: Mapping[str, Any]) -> bool:
        """Give the parameters and wait; return whether the pipeline succeeded."""
        stdin = self._process.stdin
        try:
            if stdin is not None:
                stdin.write(json.dumps(parameters).encode() + b"\n")
                stdin.flush()  # and it stays open: should this process be killed, the pipeline ends too
        except BrokenPipeError:
            pass
        return self._process.wait() == 0

    def announced(self) -> bool:
        """Tell whether the run's exit task has sent its event."""
        return announced(self.workspace)

    def close(self) -> None:
        """End the process and its children, and remove the workspace."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, sign)
                self._process.wait(_GRACE_S)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        self._process.wait()
        if self._process.stdin:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        shutil.rmtree(self.workspace, ignore_errors=True)


def workspace_of(run_id: str) -> Path:
    """Return the folder of a run's workspace; one run at a time has it."""
    safe = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in run_id)
    return Path(tempfile.gettempdir()) / f"kascade-run-{safe}"


def child_env(workspace: Path) -> dict[str, str]:
    """Return the pipeline's environment: temporary files in the workspace, cores shared by two items."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = str(max(1, cores // 2))
    return {
        **os.environ,
        "TMPDIR": str(workspace / "tmp"),
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
    }
