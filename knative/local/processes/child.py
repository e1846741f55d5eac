"""One process: started in its own group, dying with the runtime, logging to a file, stopped gently first."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from knative.local.errors import CannotStart
from knative.local.processes.logs import rotate

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def _prepare(niceness: int) -> None:
    """Run in the new process: it ends with its parent."""
    os.nice(niceness)
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Child:
    """A running process; `pid` is its id and that of its group."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    @classmethod
    async def start(
        cls,
        argv: tuple[str, ...],
        *,
        env: Mapping[str, str],
        log: Path,
        folder: str | None = None,
        niceness: int = 0,
    ) -> Child:
        """Start `argv`, output appended to `log`.

        Args:
            niceness: how far it gives way to other processes, 0 to 19.

        Raises:
            CannotStart: there is no such program or folder, or the log cannot be written.
        """
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            rotate(log)
            with log.open("ab") as output:
                process = await asyncio.create_subprocess_exec(
                    *argv,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=dict(env),
                    cwd=folder,
                    start_new_session=True,
                    preexec_fn=partial(_prepare, niceness),
                )
        except (OSError, ValueError) as error:
            raise CannotStart(f"{argv[0]} cannot be run: {error}") from error
        return cls(process)

    async def wait(self) -> int:
        """Return the exit code once the process has ended and nothing of its group is left."""
        code = await self._process.wait()
        self._signal(signal.SIGKILL)
        return code

    @property
    def ended(self) -> bool:
        """Whether the process has ended."""
        return self._process.returncode is not None

    async def stop(self, grace_s: float) -> int:
        """Ask the process to end, and after `grace_s` seconds end its group; return its exit code."""
        if not self.ended:
            self._terminate()
        try:
            async with asyncio.timeout(grace_s):
                return await self.wait()
        except TimeoutError:
            self._signal(signal.SIGKILL)
            return await self.wait()
        except asyncio.CancelledError:
            self._signal(signal.SIGKILL)
            raise

    def kill(self) -> None:
        """End the process and its group at once."""
        self._signal(signal.SIGKILL)

    def _terminate(self) -> None:
        try:
            os.kill(self.pid, signal.SIGTERM)
        except ProcessLookupError:
            return

    def _signal(self, number: int) -> None:
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            return
