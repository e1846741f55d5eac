"""Work that is done after an answer was given."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

WORKERS = 8
BACKLOG = 1000


class Background:
    """Does pieces of work, some at a time. When too many wait, whoever brings one does it himself.

    What waits when the process is asked to end is done before it ends, as far as there is time.
    """

    def __init__(self, workers: int = WORKERS, backlog: int = BACKLOG) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="announce")
        self._room = threading.Semaphore(backlog)

    def __call__(self, work: Callable[[], None]) -> None:
        """Do a piece of work soon. It must not raise."""
        if not self._room.acquire(blocking=False):
            work()
            return
        self._pool.submit(self._do, work)

    def _do(self, work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            self._room.release()
