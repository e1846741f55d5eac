"""One container of a pod: a process with a root, a network and mounts of its own."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MINIMAL = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/"}
SHOWN = ("proc", "sys", "dev")
WORDS_BYTES = 2048


@dataclass(frozen=True)
class Root:
    """The machine's files as a container sees them: what it writes lies in `folder` and is its own.

    Attributes:
        folder: on a file system in memory, for a layer cannot lie in the folder it covers.
        shown: places that may lie on file systems of their own.
    """

    folder: Path
    shown: Sequence[Path]

    def script(self, mounts: Mapping[str, Path], resolver: str, command: Sequence[str]) -> str:
        """Return the shell lines that make the root and become the command in it."""
        at, layers = self.folder / "root", self.folder
        lines = [
            "set -eu",
            f"mkdir -p {at} {layers}/upper {layers}/work",
            f"mount -t overlay overlay -o lowerdir=/,upperdir={layers}/upper,workdir={layers}/work {at}",
            *(f"mount --rbind /{name} {at}/{name}" for name in SHOWN),
            *(f"mkdir -p {at}{place}; mount --rbind {place} {at}{place}" for place in self.shown),
            f"rm -f {at}/etc/resolv.conf; printf %s {shlex.quote(resolver)} >{at}/etc/resolv.conf",
            *(f"mkdir -p {at}{place}; mount --bind {source} {at}{place}" for place, source in mounts.items()),
            f"exec chroot {at} {shlex.join(command)}",
        ]
        return "\n".join(lines)


@dataclass
class Process:
    """A container's process."""

    popen: subprocess.Popen[bytes]
    log: Path
    log_began: int

    @classmethod
    def start(cls, network: str, script: str, variables: Mapping[str, str], log: Path) -> Process:
        """Start a script in a network namespace."""
        command = ["nsenter", f"--net=/run/netns/{network}", "unshare", "--mount", "--propagation=private"]
        with log.open("ab") as output:
            began = output.tell()
            return cls(
                subprocess.Popen(
                    [*command, "sh", "-c", script],
                    env={**MINIMAL, **variables},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                ),
                log,
                began,
            )

    @property
    def exit_code(self) -> int | None:
        """Return how it ended, as a container's status tells it; None while it runs."""
        code = self.popen.poll()
        return code if code is None or code >= 0 else 128 - code

    def last_words(self) -> str:
        """Return the end of what it wrote."""
        with self.log.open("rb") as output:
            output.seek(max(self.log_began, self.log.stat().st_size - WORDS_BYTES))
            return output.read().decode(errors="replace")

    def end(self, number: int = signal.SIGTERM) -> None:
        """Send a signal: to the process alone when asked to end, to all that it started when killed."""
        try:
            if number == signal.SIGKILL:
                os.killpg(self.popen.pid, number)
            else:
                self.popen.send_signal(number)
        except ProcessLookupError:
            return


def places() -> list[Path]:
    """Return what every container needs besides the root's own file system."""
    return [Path(sys.base_prefix), Path(sys.prefix)]
