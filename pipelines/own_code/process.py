"""Runs a program of somebody else: with a time limit, a memory limit, a short log and none of our keys.

It is no sandbox: the program runs as our user. It keeps accidents within bounds, and keys out of its sight
unless it looks for them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_POLL_S = 0.1
_DUMP_S = 2.0
_LOADING_S = 300.0
_MAX_LOG_BYTES = 1 << 20
_LAST_LINES = 12
_MARK = "KASCADE_OWN_CODE"
_KEPT = (
    *("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
    *("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR"),
)
"""The variables of ours that it gets."""


@dataclass(frozen=True)
class Limits:
    """How long a call may take, and how much memory the program and its children may have."""

    seconds: float
    memory_bytes: int


@dataclass(frozen=True)
class Ended:
    """How the program ended.

    Attributes:
        code: its exit status; negative: the signal that ended it.
        broken: which limit it was ended for; None: it ended by itself.
        last_lines: of what it wrote.
    """

    code: int
    broken: str | None
    last_lines: tuple[str, ...]


def run(
    command: Sequence[str],
    scratch: Path,
    limits: Limits,
    *,
    finished: Callable[[], int | None],
    secrets: Mapping[str, str],
) -> Ended:
    """Run a program to its end; none of the processes that it has started is left.

    Args:
        scratch: its working directory, home and place for temporary files.
        finished: how many calls it has finished, as the time limit is of each; None while it still loads.
        secrets: variables that it gets beside the harmless ones; their values are kept out of its log.
    """
    mark = uuid.uuid4().hex
    env = {name: os.environ[name] for name in _KEPT if name in os.environ}
    env |= {"HOME": str(scratch), "TMPDIR": str(scratch), "PYTHONUNBUFFERED": "1", _MARK: mark, **secrets}
    # It gets no session of its own, so that it ends together with our process group.
    process = subprocess.Popen(
        [*command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=scratch,
        env=env,
    )
    log = _Log(process, secrets)
    broken = None
    try:
        broken = _wait(process, mark, limits, finished)
        if broken is not None:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGABRT)  # it writes down where it is, if it can
            with suppress(subprocess.TimeoutExpired):
                process.wait(_DUMP_S)
    finally:
        _kill(mark)
        process.kill()
        code = process.wait()
        log.close()
    return Ended(code, broken, log.last_lines)


def hidden(text: str, secret: str) -> str:
    """Return a text without a secret; a secret of a few letters is left, since any text may hold it."""
    return text.replace(secret, "***") if len(secret) > 3 else text


def machine_memory() -> int:
    """Return nine tenths of the memory that this machine, or this container, has."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):  # "max" is none
            found.append(int(Path(limit).read_text()))
    return min(found) * 9 // 10


def _wait(
    process: subprocess.Popen[bytes], mark: str, limits: Limits, finished: Callable[[], int | None]
) -> str | None:
    """Wait for the end of a program; return which limit it broke before."""
    done, since = finished(), time.monotonic()
    strangers: set[int] = set()
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(_POLL_S)
            return None
        if (now_done := finished()) != done:
            done, since = now_done, time.monotonic()
        if time.monotonic() - since > (limits.seconds if done is not None else _LOADING_S + limits.seconds):
            return f"a call took more than {limits.seconds:g} s (train.timeout)"
        if _memory(mark, strangers) > limits.memory_bytes:
            return (
                f"it used more than {limits.memory_bytes / 2**20:,.0f} MiB of memory (train.resources.memory)"
            )


def _kill(mark: str) -> None:
    """End every process that has the mark in its environment, wherever it has gone."""
    for _ in range(100):
        left = list(_marked(mark))
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if not left:
            return
        time.sleep(0.02)


def _marked(mark: str, strangers: set[int] | None = None) -> Iterator[int]:
    """Yield the processes that have the mark.

    Args:
        strangers: processes known to have none, which are passed over; it grows.
    """
    wanted, strangers = f"{_MARK}={mark}".encode(), set() if strangers is None else strangers
    for pid in [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit()]:
        if pid in strangers:
            continue
        with suppress(OSError):
            if wanted in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                yield pid
                continue
        strangers.add(pid)


def _memory(mark: str, strangers: set[int]) -> int:
    """Return how many bytes the processes have; what they share counts once."""
    total = 0
    for pid in _marked(mark, strangers):
        with suppress(OSError, StopIteration):
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += int(next(line for line in rollup if line.startswith("Pss:")).split()[1]) * 1024
    return total


class _Log:
    """Passes on what a program writes, as far as a log can take it, and remembers the end."""

    def __init__(self, process: subprocess.Popen[bytes], secrets: Mapping[str, str]) -> None:
        self._process = process
        self._secrets = list(secrets.values())
        self._last: deque[str] = deque(maxlen=_LAST_LINES)
        self._thread = threading.Thread(target=self._read, name="own-code-log", daemon=True)
        self._thread.start()

    @property
    def last_lines(self) -> tuple[str, ...]:
        """The last lines."""
        return tuple(self._last)

    def close(self) -> None:
        """Wait for the rest."""
        self._thread.join(5)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _read(self) -> None:
        stream, left = self._process.stdout, _MAX_LOG_BYTES
        while stream is not None and (raw := stream.readline(4096)):
            line = raw.decode(errors="replace").rstrip("\n")
            for secret in self._secrets:
                line = hidden(line, secret)
            self._last.append(line[:500])
            if left > 0:
                left -= len(raw)
                print(line if left > 0 else f"{line}\n[what it writes from here on is not kept]", flush=True)
        sys.stdout.flush()
