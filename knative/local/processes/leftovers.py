"""Ending what a killed runtime left behind in the same state folder."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

from knative.local.processes.child import STATE_VARIABLE


def end_leftovers(state_dir: Path, proc: Path = Path("/proc")) -> list[int]:
    """Kill the processes that carry this state folder's mark in their environment; return their ids.

    Children die with their runtime; this finds their children, which may not. Without /proc there is
    nothing to look in.
    """
    ended = []
    for pid in _marked(state_dir, proc):
        try:
            os.kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue
        ended.append(pid)
    return ended


def _marked(state_dir: Path, proc: Path) -> Iterator[int]:
    mark = f"{STATE_VARIABLE}={state_dir.resolve()}".encode()
    if not proc.is_dir():
        return
    for entry in proc.iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            variables = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if mark in variables:
            yield int(entry.name)
