"""One sweep at a time, and after one that found nothing a rest as long as it was dear."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

REST = 4
"""After a vain sweep of one second, rest for four: a bucket of any size takes at most a fifth of the time."""


@dataclass
class Turn:
    """Leave to sweep. Whoever finds something sets `fruitful`, and the next turn comes without a rest."""

    fruitful: bool = False


class Turns:
    """Hands out turns within this process. It is only thrift: what is swept twice is still announced once."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._rested_at_s = float("-inf")

    @contextmanager
    def take(self) -> Iterator[Turn | None]:
        """Give a turn, or None at once when a sweep is under way or the rest is not over."""
        if not self._lock.acquire(blocking=False):
            yield None
            return
        try:
            started_s = self._monotonic_s()
            if started_s < self._rested_at_s:
                yield None
                return
            turn = Turn()
            yield turn
            ended_s = self._monotonic_s()
            self._rested_at_s = ended_s if turn.fruitful else ended_s + REST * (ended_s - started_s)
        finally:
            self._lock.release()
