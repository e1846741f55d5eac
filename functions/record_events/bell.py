"""Wakes those who wait for new events when one is recorded."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

LOOK_AGAIN_S = 0.5
"""Another process may have recorded an event, and its bell is not heard here."""


class Bell:
    """Lets a bounded number of threads wait for the next event."""

    def __init__(self, max_waiting: int) -> None:
        self._changed = threading.Condition()
        self._places = threading.BoundedSemaphore(max_waiting)

    def ring(self) -> None:
        """Wake all who wait."""
        with self._changed:
            self._changed.notify_all()

    def until(self, look: Callable[[], Sequence[T]], wait_s: float) -> Sequence[T]:
        """Return what `look` finds as soon as it finds something, at the latest after `wait_s` seconds.

        When too many wait already, it looks once.
        """
        deadline = time.monotonic() + wait_s
        found = look()
        if found or wait_s <= 0 or not self._places.acquire(blocking=False):
            return found
        try:
            while not found and (left := deadline - time.monotonic()) > 0:
                with self._changed:
                    self._changed.wait(min(left, LOOK_AGAIN_S))
                found = look()
            return found
        finally:
            self._places.release()
