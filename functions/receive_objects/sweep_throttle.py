"""One sweep at a time, and after one that found nothing a pause in proportion to its length."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

PAUSE_FACTOR = 4
"""After a sweep of a second that found nothing, pause for four: a large bucket takes a fifth of the time."""


@dataclass
class Sweep:
    """A sweep under way. Whoever finds a change says so, and the next sweep comes without a pause."""

    found_changes: bool = False


class SweepThrottle:
    """Starts the sweeps of this process. It only saves work: what is swept twice is still announced once."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._paused_until_s = float("-inf")

    @contextmanager
    def start(self) -> Iterator[Sweep | None]:
        """Start a sweep; None when one is under way or the pause is not over."""
        if not self._lock.acquire(blocking=False):
            yield None
            return
        try:
            started_s = self._monotonic_s()
            if started_s < self._paused_until_s:
                yield None
                return
            sweep = Sweep()
            yield sweep
            ended_s = self._monotonic_s()
            pause_s = 0.0 if sweep.found_changes else PAUSE_FACTOR * (ended_s - started_s)
            self._paused_until_s = ended_s + pause_s
        finally:
            self._lock.release()
