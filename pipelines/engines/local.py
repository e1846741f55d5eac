"""Runs pipelines under `kfp.local`, each in a child process with a workspace that is removed after it."""

from __future__ import annotations

import errno
import fcntl
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
from typing import Any

from pipelines.announcement import UNSAID
from pipelines.engines import Refused, Run, RunState, RunStatus, Unavailable
from pipelines.engines.model_limits import warn_of_ignored_limits
from pipelines.engines.prepare import NO_PIPELINE, declared_parameters
from pipelines.local_run import announced, begun

_GRACE_S = 5.0


class LocalEngine:
    """A `TrainingEngine` whose runs are children of this process: it knows them as long as it lives."""

    name = "kfp.local"

    def __init__(self) -> None:
        """Start without runs."""
        self._children: dict[str, _Child] = {}

    def prepare(self, run_id: str) -> None:
        """Let our own pipeline load, which takes a second, before its run is submitted.

        Raises: Unavailable when a run of this id is under way in another process.
        """
        self._children[run_id] = _Child(run_id, None)

    def submit(self, run: Run) -> None:
        """See `TrainingEngine`. Unavailable also when a run of this id is under way in another process."""
        if run.package is not None and declared_parameters(run.package) is None:
            raise Refused(NO_PIPELINE)
        warn_of_ignored_limits(run)
        child = self._children.get(run.run_id)
        if child is not None and child.started:
            return
        if child is not None and run.package is not None:
            child.close()  # it has loaded our own pipeline
            child = None
        if child is None:
            child = self._children[run.run_id] = _Child(run.run_id, run.package)
        child.start(run.parameters)

    def status(self, run_id: str) -> RunStatus:
        """See `TrainingEngine`."""
        child = self._children.get(run_id)
        return child.status() if child is not None and child.started else RunStatus(RunState.UNKNOWN)

    def cancel(self, run_id: str) -> None:
        """See `TrainingEngine`."""
        child = self._children.get(run_id)
        if child is not None and child.started and not child.status().ended:
            child.end(RunStatus(RunState.CANCELLED))

    def page(self, run: Run) -> None:
        """See `TrainingEngine`: there are no pages."""

    def close(self) -> None:
        """End what still runs, and remove the workspaces."""
        for child in self._children.values():
            child.close()


class _Child:
    """`python -m pipelines run`. It loads before it is given its parameters, hence two stages."""

    def __init__(self, run_id: str, package: bytes | None) -> None:
        """Start loading our own pipeline, or a compiled one. Raises: Unavailable."""
        self.started = False
        self._ended: RunStatus | None = None
        # Named by the run, so that a later attempt removes what a killed one left.
        self._workspace = workspace_of(run_id)
        try:
            self._lock: int | None = _lock(self._workspace)
        except OSError as error:
            why = "is under way in another process, or its workspace cannot be made"
            raise Unavailable(f"the run {run_id} {why}: {error}") from error
        try:
            command = [sys.executable, "-m", "pipelines", "run", "--workspace", str(self._workspace)]
            command.append("--with-parent")
            (self._workspace / "tmp").mkdir()
            if package is not None:
                file = self._workspace / "custom.yaml"
                file.write_bytes(package)
                command += ["--package", str(file)]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, env=child_env(self._workspace), start_new_session=True
            )
        except OSError as error:
            self._remove_workspace()
            raise Unavailable(f"the process of the run {run_id} cannot be started: {error}") from error

    def start(self, parameters: Mapping[str, Any]) -> None:
        """Give the parameters: the pipeline runs."""
        self.started = True
        stdin = self._process.stdin
        with suppress(BrokenPipeError):
            if stdin is not None:
                stdin.write(json.dumps(parameters).encode() + b"\n")
                stdin.flush()  # it stays open, so that the pipeline ends too if this process is killed

    def status(self) -> RunStatus:
        """Return where the run is."""
        if self._ended is None and (code := self._process.poll()) is not None:
            failure = None if code == 0 else UNSAID
            self.end(
                RunStatus(
                    RunState.FAILED if failure else RunState.SUCCEEDED, announced(self._workspace), failure
                )
            )
        return self._ended or RunStatus(RunState.RUNNING, begun=begun(self._workspace))

    def end(self, status: RunStatus) -> None:
        """Remember how the run ended, end its processes and remove its workspace."""
        self._ended = status
        self.close()

    def close(self) -> None:
        """End the process and its children, and remove the workspace. It may be repeated."""
        if self._lock is None:
            return
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
        self._remove_workspace()

    def _remove_workspace(self) -> None:
        if self._lock is not None:
            shutil.rmtree(self._workspace, ignore_errors=True)
            os.close(self._lock)
            self._lock = None


def _lock(workspace: Path) -> int:
    """Take a workspace for this process, and empty it.

    Its name can be guessed, and the folder it lies in is often everyone's: so it must be a folder, no link to
    one, of this user, whom it is then left to alone.

    Raises:
        OSError: it is not, or another process has it.
    """
    workspace.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(workspace, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(lock).st_uid != os.geteuid():
            raise PermissionError(errno.EPERM, "it belongs to another user", str(workspace))
        os.fchmod(lock, 0o700)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for left in workspace.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
    except OSError:
        os.close(lock)
        raise
    return lock


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
