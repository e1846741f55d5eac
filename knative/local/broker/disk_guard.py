"""How much more the log may grow: producers are refused before the disk is too full for the log itself.

Recording that an event was delivered also takes a little space, before the event's own is freed.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

HEADROOM = 8 << 20
"""Bytes that events leave free, for the notes about deliveries."""
_PAGE = 4096
_CHECKED_EVERY_S = 0.25


class DiskGuard:
    """Grants space for events. It measures the disk now and then, and when what was free is used up."""

    def __init__(
        self,
        log: Path,
        give_back: Callable[[], bool],
        *,
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Know nothing yet.

        Args:
            log: the SQLite file; its `-wal` lies beside it.
            give_back: called when space is short: writes all that the WAL holds to the file, and gives the
                file system what neither needs. Says whether it succeeded.
            free_bytes: of a folder's file system.
            clock: in seconds.
        """
        self._folder = log.parent
        self._wal = log.with_name(f"{log.name}-wal")
        self._give_back = give_back
        self._free_bytes = free_bytes
        self._clock = clock
        self._left = 0
        self._unchecked = sys.maxsize
        self._checked_at: float | None = None
        self._short = False

    def admits(self, size: int) -> bool:
        """Return whether events of `size` bytes, see `bytes_of`, may be written now."""
        now = self._clock()
        outdated = self._checked_at is None or now - self._checked_at >= _CHECKED_EVERY_S
        if outdated or (size > self._left and not self._short):
            self._check(now, size)
        if size > self._left:
            return False
        self._left -= size
        self._unchecked += size
        return True

    def _check(self, now: float, size: int) -> None:
        self._checked_at = now
        self._left = self._measure()
        if size > self._left:
            if self._give_back():
                self._unchecked = 0
            self._left = self._measure()
        self._short = size > self._left

    def _measure(self) -> int:
        """Return what is free, besides the headroom and what the next checkpoint may add to the file."""
        try:
            free = self._free_bytes(self._folder)
            wal = self._wal.stat().st_size if self._wal.exists() else 0
        except OSError:  # then the log itself has to find out
            return sys.maxsize
        return free - HEADROOM - min(wal, self._unchecked)


def bytes_of(headers: bytes, body: bytes) -> int:
    """Return what an event takes at most: whole pages, in the WAL and in the file."""
    return ((len(headers) + len(body)) // _PAGE + 2) * _PAGE * 2
