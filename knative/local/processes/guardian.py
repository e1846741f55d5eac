"""The guardian: a small process that outlives a killed runtime just long enough to end what it left behind.

A process dies with the runtime that started it, by the system's own means; but not what it started in
turn. The guardian waits for the end of its standard input, which comes however the runtime ends, and then
kills everything marked. It imports nothing of the project: it starts in milliseconds and takes little memory.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping


def start(mark: str) -> subprocess.Popen[bytes]:
    """Start a guardian for the processes that carry `mark`; close its standard input to let it go."""
    command = [sys.executable, "-I", "-S", __file__, mark]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, start_new_session=True, env=_BARE
    )


def release(watching: subprocess.Popen[bytes]) -> None:
    """End what is left of this run and let its guardian go."""
    if watching.stdin is not None:
        watching.stdin.close()
    watching.wait(10)


_BARE: Mapping[str, str] = {"PATH": os.environ.get("PATH", "")}


def end_marked(mark: str, proc: str = "/proc") -> list[int]:
    """Kill the processes that have `mark`, `NAME=value`, in their environment; return their ids.

    Without /proc nothing is found.
    """
    ended = []
    for name in os.listdir(proc) if os.path.isdir(proc) else ():
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            with open(f"{proc}/{name}/environ", "rb") as file:
                if mark.encode() in file.read().split(b"\0"):
                    os.kill(int(name), signal.SIGKILL)
                    ended.append(int(name))
        except OSError:
            continue
    return ended


def main() -> None:
    """Wait for the runtime's end; then kill until nothing marked is left."""
    sys.stdin.buffer.read()
    while end_marked(sys.argv[1]):
        pass


if __name__ == "__main__":
    main()
