"""The objects on disk: one SQLite file, written by one thread in groups, each group one durable commit."""

from __future__ import annotations

import asyncio
import json
import queue
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from knative.local.log import warn
from knative.local.resources.kinds import Json, kind_at
from knative.local.resources.objects import Key

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
  resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
  body TEXT NOT NULL, manifest TEXT, PRIMARY KEY (resource, namespace, name)
) WITHOUT ROWID;
"""
_PUT = "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?)"
_DROP = "DELETE FROM objects WHERE resource = ? AND namespace = ? AND name = ?"
_AGAIN_S = 1.0

_Statement = tuple[str, tuple[str | None, ...]]


@dataclass(frozen=True)
class Entry:
    """An object as kept: `manifest` is the manifest that last made it, None for one made by the API."""

    key: Key
    body: Json
    manifest: Json | None


class Journal:
    """Keeps objects in `path`; a write is queued and is on disk when `durable` returns.

    What the disk refuses is written with the next group, or a little later: no write is given up.
    """

    def __init__(self, path: Path) -> None:
        self._work: queue.SimpleQueue[_Statement | Future[None] | None] = queue.SimpleQueue()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.executescript(_SCHEMA)
        self._unwritten: dict[tuple[str | None, ...], _Statement] = {}
        self._thread = threading.Thread(target=self._write, name="journal", daemon=True)
        self._thread.start()

    def entries(self) -> Iterator[Entry]:
        """Yield every object kept, as left by the last run."""
        rows = self._database.execute("SELECT resource, namespace, name, body, manifest FROM objects")
        for resource, namespace, name, body, manifest in rows.fetchall():
            kind = kind_at(*resource.split("|"))
            if kind is not None:
                made = json.loads(manifest) if manifest else None
                yield Entry(Key(kind, namespace, name), json.loads(body), made)

    def put(self, entry: Entry) -> None:
        """Keep `entry`, replacing what had its key."""
        manifest = json.dumps(entry.manifest) if entry.manifest is not None else None
        self._work.put((_PUT, (*_row(entry.key), json.dumps(entry.body), manifest)))

    def drop(self, key: Key) -> None:
        """Forget the object at `key`."""
        self._work.put((_DROP, _row(key)))

    async def durable(self) -> None:
        """Return once every write queued so far is on disk.

        Raises:
            sqlite3.Error: the disk refused one of them for now.
        """
        done: Future[None] = Future()
        self._work.put(done)
        await asyncio.wrap_future(done)

    def close(self) -> None:
        """Write what is left and close the file."""
        self._work.put(None)
        self._thread.join()
        self._database.close()

    def _write(self) -> None:
        while True:
            batch = self._next_batch()
            for item in batch:
                if isinstance(item, tuple):
                    # Only the last write of an object counts.
                    self._unwritten[item[1][:3]] = item
            error = self._commit() if self._unwritten else None
            for item in batch:
                if isinstance(item, Future) and item.set_running_or_notify_cancel():
                    _answer(item, error)
            if None in batch:
                return

    def _next_batch(self) -> list[_Statement | Future[None] | None]:
        try:
            batch = [self._work.get(timeout=_AGAIN_S if self._unwritten else None)]
        except queue.Empty:
            return []
        while not self._work.empty():
            batch.append(self._work.get())
        return batch

    def _commit(self) -> Exception | None:
        try:
            self._database.execute("BEGIN IMMEDIATE")
            for statement, values in self._unwritten.values():
                self._database.execute(statement, values)
            self._database.execute("COMMIT")
        except Exception as error:  # whatever it is, the thread must go on and those who wait must get it
            warn("objects not written", objects=len(self._unwritten), why=str(error))
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            return error
        self._unwritten.clear()
        return None


def _answer(waiting: Future[None], error: Exception | None) -> None:
    if error is None:
        waiting.set_result(None)
    else:
        waiting.set_exception(error)


def _row(key: Key) -> tuple[str, str, str]:
    return f"{key.kind.group}|{key.kind.version}|{key.kind.plural}", key.namespace, key.name
