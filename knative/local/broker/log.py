"""The durable log: one thread writes, in groups; the event loop only hands over notes and awaits futures."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import threading
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from knative.local.broker.batch import Batch, Callback
from knative.local.broker.errors import LogUnavailable
from knative.local.broker.event import Record
from knative.local.broker.log_file import LogFile
from knative.local.broker.rebuilding import Rebuilt
from knative.local.broker.settings import BrokerSettings

_LOG = logging.getLogger(__name__)
BROKEN = 70  # the exit code of a process whose log broke: EX_SOFTWARE
_PAUSE_S = 0.25  # between attempts to write notes that found no space
_PART = 32  # notes of each kind that are written at once when space is short
_TIDY_S = 0.5  # of silence before free space is given back


class Log:
    """Keeps accepted events until every lane has finished with them.

    A lane is one queue of deliveries: a trigger has one towards its subscriber and one towards its dead
    letter sink. Notes of one call order are written in that order; a read sees all notes made before it.
    """

    def __init__(
        self,
        path: Path,
        settings: BrokerSettings,
        on_rebuilt: Callable[[Rebuilt], None] = lambda rebuilt: None,
    ) -> None:
        """Open the log; `start` must be called before anything is written.

        Args:
            path: of its SQLite file.
            settings: of the broker.
            on_rebuilt: called when a damaged log was rebuilt, on the event loop once that runs.

        Raises:
            LogUnavailable: see `open_log`; or it is damaged and cannot be rebuilt.
        """
        self._settings = settings
        self._on_rebuilt = on_rebuilt
        self._loop: asyncio.AbstractEventLoop | None = None
        self._file = LogFile(path, settings, self._rebuilt)
        self._seq, self._lanes, self._counts = self._read_state()
        self._batch = Batch()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._lingering = False
        self._untidy = False

    def lane(self, key: str) -> int:
        """Return the number of the lane of this key, giving it one if it is new."""
        if key not in self._lanes:
            self._lanes[key] = max(self._lanes.values(), default=0) + 1
            with self._lock:
                self._batch.lanes.append((self._lanes[key], key))
        return self._lanes[key]

    def lanes(self) -> dict[str, int]:
        """Return the lanes that the log knows, by key; also those whose trigger is gone."""
        return dict(self._lanes)

    def counts(self) -> dict[int, int]:
        """Return how many deliveries each lane had when the log was opened."""
        return dict(self._counts)

    def start(self) -> None:
        """Start the writer. Call it on the event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="broker-log", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """Write all notes and close the file."""
        if self._thread is None:
            self._file.connection.close()
            return
        self._closing = True
        self._wake.set()
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)

    def append(
        self, record: Record, lanes: list[int], callback: Callback, *, finishes: tuple[int, int] | None = None
    ) -> None:
        """Note an accepted event.

        Args:
            record: the event.
            lanes: who gets it; not empty.
            callback: gets the event's number once it is stored, or a LogUnavailable: then nothing was stored.
                All callbacks are called in the order in which the log did things.
            finishes: (lane, seq) of the delivery that this event replies to, finished with it.
        """
        with self._lock:
            self._seq += 1
            self._batch.add_event(self._seq, record, lanes, callback)
            if finishes is not None:
                self._batch.replies.append(self._seq)
                self._batch.answered.append(finishes)
        self._wake.set()

    def finish(self, lane: int, seq: int, *, shared: bool) -> None:
        """Note that a delivery is finished."""
        with self._lock:
            (self._batch.shared if shared else self._batch.finished).append((lane, seq))
        self._soon()

    def retry(self, lane: int, seq: int, attempts: int, due: float, error: bytes | None) -> None:
        """Note that a delivery has failed `attempts` times and is tried again at `due` (epoch seconds)."""
        with self._lock:
            self._batch.retried.append((attempts, due, error, lane, seq))
        self._soon()

    def move(self, lane: int, seq: int, to: int, due: float, error: bytes) -> None:
        """Note that a delivery goes over to another lane, at `due`, with why."""
        with self._lock:
            self._batch.moved.append((to, due, error, lane, seq))
        self._soon()

    def park(self, held: int, seq: int, lane: int, now: float, error: bytes) -> None:
        """Note that a delivery held by lane `held` rests until it is redriven into `lane`."""
        with self._lock:
            self._batch.parked.append((lane, seq, now, error, held))
        self._soon()

    def read(self, function: Callable[[sqlite3.Connection], Any], callback: Callback) -> None:
        """Run a function on the writer's thread once all notes so far are stored; pass its result on."""
        with self._lock:
            self._batch.calls.append((callback, function))
        self._wake.set()

    async def call(self, function: Callable[[sqlite3.Connection], Any]) -> Any:
        """Run a function likewise and return its result.

        Raises:
            LogUnavailable: SQLite failed.
        """
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.read(function, partial(resolve, future))
        return await future

    def _soon(self) -> None:
        if not self._lingering and self._loop is not None:
            self._lingering = True
            self._loop.call_later(self._settings.notes_wait_s, self._linger_is_over)

    def _linger_is_over(self) -> None:
        self._lingering = False
        self._wake.set()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException:  # without its writer the process would hang; a new process continues
            _LOG.critical("the broker's log broke, the process ends: %s", traceback.format_exc())
            os._exit(BROKEN)

    def _work(self) -> None:
        owed = Batch()
        while True:
            self._wake.wait(_PAUSE_S if owed else _TIDY_S if self._untidy else None)
            self._wake.clear()
            closing = self._closing
            with self._lock:
                taken, self._batch = self._batch, Batch()
            owed.absorb(taken)
            if owed:
                owed = self._store(owed)
            else:
                self._untidy = self._file.tidied()
            if closing:
                break
        self._file.connection.close()

    def _read_state(self) -> tuple[int, dict[str, int], dict[int, int]]:
        """Return the highest number of an event, the lanes by key, and how many deliveries each has."""
        try:
            (seq,) = self._file.connection.execute("SELECT max(seq) FROM events").fetchone()
            lanes = self._file.connection.execute("SELECT id, key, waiting FROM lanes").fetchall()
        except sqlite3.DatabaseError as error:
            if self._file.mends(error):
                return self._read_state()
            raise LogUnavailable(f"the broker's log cannot be read: {error}") from error
        return (
            seq or 0,
            {key: id_ for id_, key, _ in lanes},
            {id_: waiting for id_, _, waiting in lanes if waiting},
        )

    def _rebuilt(self, rebuilt: Rebuilt) -> None:
        if self._loop is None:
            self._on_rebuilt(rebuilt)
        self._notify([(self._on_rebuilt, rebuilt)])

    def _store(self, notes: Batch) -> Batch:
        """Write the notes; return those that must be tried again because there was no space."""
        if (size := notes.new_bytes()) and not self._file.admits(size):
            notes, refused = notes.without_new_events()
            self._refuse(refused, "the disk is nearly full", full=True)
        try:
            self._file.sync(self._settings.synchronous if notes.events else "NORMAL")
            notes.write(self._file.connection)
        except Exception as error:  # whatever it is, the thread must go on and producers must be refused
            if self._file.mends(error):
                return self._store(notes)
            self._refuse(notes.waiting, str(error), full=_is_full(error))
            if notes.events:
                return self._store(notes.without_events())
            return self._store_by_parts(notes) if _is_full(error) else notes
        self._untidy = True
        self._answer(notes)
        return Batch()

    def _store_by_parts(self, notes: Batch) -> Batch:
        """Write notes with as little space as possible; return those that found none."""
        while part := notes.take_notes(_PART):
            self._file.checkpoint()
            try:
                part.write(self._file.connection)
            except Exception:
                part.absorb(notes)
                return part
        self._answer(notes)
        return Batch()

    def _answer(self, batch: Batch) -> None:
        results: list[tuple[Callback, Any]] = list(batch.waiting)
        results += [(callback, self._called(function)) for callback, function in batch.calls]
        self._notify(results)

    def _called(self, function: Callable[[sqlite3.Connection], Any]) -> Any:
        try:
            return function(self._file.connection)
        except Exception as error:  # whatever it is, the thread must go on and the caller must get it
            self._file.roll_back()
            if self._file.mends(error):
                return self._called(function)
            return LogUnavailable(f"{type(error).__name__}: {error}", full=_is_full(error))

    def _refuse(self, waiting: Iterable[tuple[Callback, int]], why: str, *, full: bool) -> None:
        reason = LogUnavailable(f"the broker's log cannot store events: {why}", full=full)
        self._notify([(callback, reason) for callback, _ in waiting])

    def _notify(self, results: list[tuple[Callback, Any]]) -> None:
        if results and self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(_call_all, results)


def resolve(future: asyncio.Future[Any], result: Any) -> None:
    """Give a result, or raise an exception, through a future that someone may have given up."""
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)


def _is_full(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL


def _call_all(results: list[tuple[Callback, Any]]) -> None:
    for callback, result in results:
        callback(result)
