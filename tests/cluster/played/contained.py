"""One container over its restarts: what runs, whether it is ready, and what its status says."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from cluster.played import probing
from cluster.played.container import Process
from cluster.played.images import UnknownImage
from cluster.played.volumes import NotYet

Json = dict[str, Any]
AGAIN_S = 10.0
"""The first restart is made at once, the next after so long, and each later one after twice as long."""
LOOK_S = 0.5
"""A container that has not been ready yet is asked so often; after that, as often as its probe says."""


class Contained:
    """A container of a pod.

    Args:
        start: makes its process.
        restarts: whether it is started again after it ended with a code.
    """

    def __init__(
        self, spec: Json, address: str, start: Callable[[], Process], restarts: Callable[[int], bool]
    ) -> None:
        self.spec, self._address, self._start, self._restarts = spec, address, start, restarts
        self.process: Process | None = None
        self.ready = False
        self.code: int | None = None
        self._count, self._due, self._probe_due, self._failures = 0, 0.0, 0.0, 0
        self._began = self._ended = self._words = ""
        self._waiting = ("ContainerCreating", "")

    @property
    def over(self) -> bool:
        """Say whether it ended for good."""
        return self.code is not None and self.process is None and self._due == float("inf")

    def step(self) -> None:
        """Start it, notice its end, or ask whether it is ready: whatever is due."""
        if self.process is None:
            if time.monotonic() >= self._due:
                self._run()
            return
        code = self.process.exit_code
        if code is not None:
            self._note_end(self.process, code)
        elif time.monotonic() >= self._probe_due:
            self._probe(self.process)

    def stop(self, grace_s: float) -> None:
        """End it: its hook first, then SIGTERM, and without grace at once."""
        if self.process is None:
            self._due = float("inf")
            return
        self.ready = False
        hook = self.spec.get("lifecycle", {}).get("preStop", {}).get("httpGet")
        if hook and grace_s > 0:
            probing.asked(hook, self.spec, self._address, grace_s)
        self.process.end(signal.SIGTERM if grace_s > 0 else signal.SIGKILL)

    def status(self) -> Json:
        """Return it as a pod's status lists it."""
        last = {"lastState": {"terminated": self._terminated()}} if self._count and self._ended else {}
        return {
            "name": self.spec["name"],
            "image": self.spec["image"],
            "imageID": self.spec["image"],
            "containerID": f"process://{self.process.popen.pid}" if self.process else "",
            "ready": self.ready,
            "started": self.process is not None,
            "restartCount": self._count,
            "state": self._state(),
            **last,
        }

    def _run(self) -> None:
        try:
            self.process = self._start()
        except (NotYet, UnknownImage) as problem:
            name = "CreateContainerConfigError" if isinstance(problem, NotYet) else "ErrImagePull"
            self._waiting, self._due = (name, str(problem)), time.monotonic() + 1
            return
        self._began, self._probe_due, self._failures = _now(), time.monotonic(), 0

    def _note_end(self, process: Process, code: int) -> None:
        if code and self.spec.get("terminationMessagePolicy") == "FallbackToLogsOnError":
            self._words = process.last_words()
        self.process, self.ready, self.code, self._ended = None, False, code, _now()
        if not self._restarts(code):
            self._due = float("inf")
            return
        pause = AGAIN_S * 2 ** (self._count - 1) if self._count else 0.0
        self._count += 1
        self._due = time.monotonic() + min(pause, 300.0)
        self._waiting = ("CrashLoopBackOff", f"back-off {pause:.0f}s restarting failed container")

    def _probe(self, process: Process) -> None:
        probe = self.spec.get("readinessProbe")
        holds = probe is None or probing.holds(probe, self.spec, self._address)
        if process.exit_code is not None:
            return
        self._failures = 0 if holds else self._failures + 1
        if holds:
            self.ready = True
        elif self._failures >= (probe or {}).get("failureThreshold", 3):
            self.ready = False
        period = (probe or {}).get("periodSeconds", 10) if self.ready else LOOK_S
        self._probe_due = time.monotonic() + period

    def _state(self) -> Json:
        if self.process is not None:
            return {"running": {"startedAt": self._began}}
        if self._due == float("inf") and self.code is not None:
            return {"terminated": self._terminated()}
        reason, message = self._waiting
        return {"waiting": {"reason": reason, "message": message}}

    def _terminated(self) -> Json:
        code = self.code or 0
        return {
            "exitCode": code,
            "reason": "Error" if code else "Completed",
            "message": self._words,
            "startedAt": self._began,
            "finishedAt": self._ended,
        }


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
