"""One sweep at a time, and none while the last one is too recent for what it cost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

REST = 4
"""After a sweep of one second, rest for four: a bucket of any size takes at most a fifth of the time."""


class Turns:
    """Hands out turns within this process. It is only thrift: what is swept twice is still announced once."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._rested_at_s = float("-inf")

    @contextmanager
    def take(self) -> Iterator[bool]:
        """Give a turn, or False at once when a sweep is under way or has just ended."""
        if not self._lock.acquire(blocking=False):
            yield False
            return
        try:
            started_s = self._monotonic_s()
            if started_s < self._rested_at_s:
                yield False
                return
            yield True
            ended_s = self._monotonic_s()
            self._rested_at_s = ended_s + REST * (ended_s - started_s)
        finally:
            self._lock.release()
