"""The objects on disk: one SQLite file, written by one thread in groups, each group one durable commit."""

from __future__ import annotations

import asyncio
import json
import queue
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True)
class Entry:
    """An object as kept: `manifest` is what the files said when they last made it, None for the API's."""

    key: Key
    body: Json
    manifest: Json | None


class Journal:
    """Keeps objects in `path`; a write is asked for at once and is on disk when `durable` returns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._work: queue.SimpleQueue[tuple[str, tuple[str | None, ...]] | threading.Event | None] = (
            queue.SimpleQueue()
        )
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.executescript(_SCHEMA)
        self._waiting: list[asyncio.Future[None]] = []
        self._thread = threading.Thread(target=self._write, name="journal", daemon=True)
        self._failure: Exception | None = None
        self._lock = threading.Lock()
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
        """Return once every write asked for so far is on disk.

        Raises:
            sqlite3.Error: the disk refused one of them.
        """
        done = threading.Event()
        self._work.put(done)
        await asyncio.to_thread(done.wait)
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Write what is left and close the file."""
        self._work.put(None)
        self._thread.join()
        self._database.close()

    def _write(self) -> None:
        while True:
            batch = [self._work.get()]
            while not self._work.empty():
                batch.append(self._work.get())
            statements = [item for item in batch if isinstance(item, tuple)]
            if statements:
                self._commit(statements)
            for item in batch:
                if isinstance(item, threading.Event):
                    item.set()
            if None in batch:
                return

    def _commit(self, statements: list[tuple[str, tuple[str | None, ...]]]) -> None:
        try:
            self._database.execute("BEGIN IMMEDIATE")
            for statement, values in statements:
                self._database.execute(statement, values)
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            self._failure = error


def _row(key: Key) -> tuple[str, str, str]:
    return f"{key.kind.group}|{key.kind.version}|{key.kind.plural}", key.namespace, key.name
