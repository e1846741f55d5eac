"""Runs work after a request was answered."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

WORKERS = 8
BACKLOG = 1000


class Background:
    """Runs pieces of work, some at a time. When too many wait, the caller runs its own.

    What waits when the process is stopped is done before it ends, as far as there is time.
    """

    def __init__(self, workers: int = WORKERS, backlog: int = BACKLOG) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="announce")
        self._free = threading.Semaphore(backlog)

    def __call__(self, work: Callable[[], None]) -> None:
        """Do a piece of work soon. It must not raise."""
        if not self._free.acquire(blocking=False):
            work()
            return
        self._pool.submit(self._do, work)

    def _do(self, work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            self._free.release()
