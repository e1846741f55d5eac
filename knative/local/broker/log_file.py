"""The log's file: opened, kept small, and rebuilt when it turns out to be damaged."""

from __future__ import annotations

import logging
import sqlite3
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from knative.local.broker.disk_guard import DiskGuard
from knative.local.broker.errors import Damaged, LogUnavailable
from knative.local.broker.rebuilding import Rebuilt, rebuild
from knative.local.broker.salvage import is_damage
from knative.local.broker.schema import checkpoint, give_back, open_log, tidy
from knative.local.broker.settings import BrokerSettings

_LOG = logging.getLogger(__name__)
_REBUILT_EVERY_S = 60.0  # at most: what is damaged again at once lies on a disk that should not be written to


class LogFile:
    """Holds the one connection to a log. Once the writer's thread runs, it alone may use it."""

    def __init__(self, path: Path, settings: BrokerSettings, on_rebuilt: Callable[[Rebuilt], None]) -> None:
        """Open or create the log.

        Args:
            path: of the SQLite file.
            settings: of the broker.
            on_rebuilt: is told when the log was damaged and has been rebuilt.

        Raises:
            LogUnavailable: see `open_log`; or it is damaged and cannot be rebuilt.
        """
        self._path = path
        self._settings = settings
        self._on_rebuilt = on_rebuilt
        self._rebuilt_at: float | None = None
        self._disk = DiskGuard(path, lambda: give_back(self.connection))
        self._synchronous: str = settings.synchronous
        self.connection = open_log(path, settings)

    def admits(self, size: int) -> bool:
        """Return whether there is space for events of so many bytes."""
        return self._disk.admits(size)

    def mends(self, error: BaseException) -> bool:
        """Rebuild the log if an error says that it is damaged; return whether to try again."""
        if not (isinstance(error, Damaged) or is_damage(error)):
            return False
        now = time.monotonic()
        if self._rebuilt_at is not None and now - self._rebuilt_at < _REBUILT_EVERY_S:
            return False
        self._rebuilt_at = now
        traceback.clear_frames(error.__traceback__)  # a query that they hold would keep the file locked
        self.connection.close()
        try:
            rebuilt = rebuild(self._path, str(error))
        except LogUnavailable as reason:
            _LOG.error("%s; stop the broker and see `kascade repair --help`", reason)
            self._open_again()
            return False
        _LOG.error("%s", rebuilt)
        self._open_again()
        self._on_rebuilt(rebuilt)
        return True

    def sync(self, how: str) -> None:
        """Have the next transaction forced to the disk or not: only accepted events must be."""
        if how != self._synchronous:
            self.connection.execute(f"PRAGMA synchronous = {how}")
            self._synchronous = how

    def checkpoint(self) -> bool:
        """Write what the WAL holds to the file; return whether all of it."""
        return checkpoint(self.connection)

    def tidied(self) -> bool:
        """Tidy up; return whether to try again: there is more to do, or it failed."""
        try:
            return tidy(self.connection)
        except sqlite3.Error:
            self.roll_back()
            return True

    def roll_back(self) -> None:
        """End a transaction that a failure left open."""
        with suppress(sqlite3.Error):
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")

    def _open_again(self) -> None:
        self._synchronous = self._settings.synchronous
        self.connection = open_log(self._path, self._settings)
