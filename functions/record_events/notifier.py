"""Wakes the requests that wait for new events when one is recorded."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

POLL_S = 0.5
"""How often to look anyway: another process may have recorded an event, of which this one is not notified."""


class Notifier:
    """Lets a bounded number of threads wait for the next event."""

    def __init__(self, max_waiting: int) -> None:
        self._changed = threading.Condition()
        self._slots = threading.BoundedSemaphore(max_waiting)

    def notify(self) -> None:
        """Wake all that wait."""
        with self._changed:
            self._changed.notify_all()

    def wait(self, find: Callable[[], Sequence[T]], wait_s: float) -> Sequence[T]:
        """Return what `find` finds as soon as it finds something, at the latest after `wait_s` seconds.

        When too many wait already, it looks once.
        """
        deadline = time.monotonic() + wait_s
        found = find()
        if found or wait_s <= 0 or not self._slots.acquire(blocking=False):
            return found
        try:
            while not found and (left := deadline - time.monotonic()) > 0:
                with self._changed:
                    self._changed.wait(min(left, POLL_S))
                found = find()
            return found
        finally:
            self._slots.release()
