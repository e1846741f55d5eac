"""The processes of a local system by what they are, and their memory."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection
from pathlib import Path

import psutil

_POLL_S = 0.1
_FUNCTION = re.compile(r"-m functions\.(\w+)")
_PARTS = (("guardian.py", "guardian"), ("-m knative.local", "runtime"), ("stores.s3", "object store"))


def running(top: int) -> dict[str, list[psutil.Process]]:
    """Return the process `top` (`kascade up`) and all below it, by name; a function's is its Service's."""
    found: dict[str, list[psutil.Process]] = {}
    system = psutil.Process(top)
    for process in [system, *system.children(recursive=True)]:
        try:
            name = "kascade up" if process.pid == top else _name(" ".join(process.cmdline()))
        except psutil.NoSuchProcess:
            continue
        found.setdefault(name, []).append(process)
    return found


def _name(command: str) -> str:
    if match := _FUNCTION.search(command):
        return match[1].replace("_", "-")
    return next((name for part, name in _PARTS if part in command), command[:40])


def memory_mb(top: int) -> dict[str, float]:
    """Return the PSS of each part in MB: what processes share is counted once, in parts."""
    found = {}
    for name, processes in running(top).items():
        try:
            found[name] = sum(float(each.memory_full_info().pss) for each in processes) / 1e6
        except psutil.NoSuchProcess:
            continue
    return found


def peak_mb(process: int | str = "self") -> float:
    """Return the most memory that a process has held resident, in MB; 0.0: it has ended.

    The kernel's `ru_maxrss` would not do: a process begins with that of the one that started it.
    """
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    found = re.search(r"^VmHWM:\s*([0-9]+) kB", status, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def wait_until_gone(top: int, names: Collection[str], timeout_s: float) -> float:
    """Wait until none of the named parts has a process; return the seconds that took."""
    began = time.monotonic()
    wait_until(lambda: not set(names) & running(top).keys(), timeout_s, f"an end of {', '.join(names)}")
    return time.monotonic() - began


def wait_until(holds: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Ask until it holds. Raises: TimeoutError naming `what`."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"no {what} within {timeout_s:.0f} s")
        time.sleep(_POLL_S)
