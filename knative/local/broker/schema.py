"""The tables of the log, and how its file is opened."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from knative.local.broker.errors import LogUnavailable
from knative.local.broker.settings import BrokerSettings

VERSION = 2
_KEPT_FREE_PAGES = 2_048
_TIDIED_PAGES = 2_048

# `fanout` is how many lanes an event was accepted for, `open` how many still have it: the last one to finish
# deletes it. `checksum` (CRC-32 of headers and body) and `lanes` (numbers, separated by commas) serve when a
# file is damaged. A delivery is fresh (due = 0) or waits for its time (due > 0, seconds since the epoch).
# `waiting` counts the deliveries of a lane: counting a million of them takes long.
_TABLES = """
CREATE TABLE events (
    seq INTEGER PRIMARY KEY, ttl INTEGER NOT NULL, fanout INTEGER NOT NULL, open INTEGER NOT NULL,
    headers BLOB NOT NULL, body BLOB NOT NULL, checksum INTEGER, lanes TEXT
);
CREATE TABLE lanes (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, waiting INTEGER NOT NULL DEFAULT 0);
CREATE TABLE deliveries (
    lane INTEGER NOT NULL, seq INTEGER NOT NULL, attempts INTEGER NOT NULL, due REAL NOT NULL, error BLOB,
    PRIMARY KEY (lane, seq)
) WITHOUT ROWID;
CREATE INDEX deliveries_due ON deliveries (lane, due) WHERE due > 0;
CREATE TABLE parked (
    id INTEGER PRIMARY KEY, lane INTEGER NOT NULL, seq INTEGER NOT NULL, parked_at REAL NOT NULL, error BLOB
);
CREATE INDEX parked_lane ON parked (lane, id);
"""
_FROM_VERSION_1 = """
ALTER TABLE events ADD COLUMN checksum INTEGER;
ALTER TABLE events ADD COLUMN lanes TEXT;
ALTER TABLE lanes ADD COLUMN waiting INTEGER NOT NULL DEFAULT 0;
UPDATE lanes SET waiting = (SELECT count(*) FROM deliveries WHERE lane = lanes.id);
"""


def open_log(path: Path, settings: BrokerSettings) -> sqlite3.Connection:
    """Open or create the log; this process alone holds it until it is closed or the process dies.

    Raises:
        LogUnavailable: held by another process, written by another version, or no SQLite file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=2.0, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {settings.synchronous}")
        connection.execute("PRAGMA wal_autocheckpoint = 4000")  # 16 MB: each one delays some event
        connection.execute(f"PRAGMA journal_size_limit = {64 << 20}")
        connection.execute("PRAGMA cache_size = -8192")
        # Some builds overwrite what is deleted: a delivered event would take its size once more in the WAL.
        connection.execute("PRAGMA secure_delete = OFF")
        _limit_size(connection, settings.max_log_bytes)
        upgrade(connection)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise LogUnavailable(f"the broker's log {path} cannot be opened: {error}") from error
    except LogUnavailable:
        connection.close()
        raise
    return connection


def create_log(path: Path) -> sqlite3.Connection:
    """Create a log that nobody relies on yet: nothing is forced to the disk, and nothing is rolled back."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA secure_delete = OFF")
    upgrade(connection)
    return connection


def tidy(connection: sqlite3.Connection) -> bool:
    """Give a part of the free space back to the file system; return whether there is more to give."""
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    if free <= _KEPT_FREE_PAGES:
        return False
    # As a script: `execute` would stop at the first page.
    connection.executescript(f"PRAGMA incremental_vacuum({_TIDIED_PAGES})")
    if free > _KEPT_FREE_PAGES + _TIDIED_PAGES:
        return True
    # Only a checkpoint makes the file itself shorter.
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return False


def checkpoint(connection: sqlite3.Connection) -> bool:
    """Write what the WAL holds to the file, so that the WAL grows no more; return whether all of it."""
    try:
        _, held, written = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    except sqlite3.Error:
        return False
    return bool(held == written)


def give_back(connection: sqlite3.Connection) -> bool:
    """Give the file system what the WAL and the free pages take, where space is short.

    Returns whether the file holds all of the WAL. What `tidy` keeps for the next events is no use where the
    WAL has no space to write them first.
    """
    try:
        if not _truncated(connection):
            return False
        (free,) = connection.execute("PRAGMA freelist_count").fetchone()
        if free:
            connection.executescript(f"PRAGMA incremental_vacuum({_TIDIED_PAGES})")
            return _truncated(connection)
    except sqlite3.Error:
        return False
    return True


def _truncated(connection: sqlite3.Connection) -> bool:
    busy, held, written = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy and bool(held == written)


def _limit_size(connection: sqlite3.Connection, max_bytes: int | None) -> None:
    if max_bytes is not None:
        (page_size,) = connection.execute("PRAGMA page_size").fetchone()
        connection.execute(f"PRAGMA max_page_count = {max(1, max_bytes // page_size)}")


def upgrade(connection: sqlite3.Connection) -> None:
    """Make the tables, or bring those of an older format up to this one.

    Raises:
        LogUnavailable: a later broker wrote it.
    """
    connection.execute("BEGIN IMMEDIATE")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    statements = {0: _TABLES, 1: _FROM_VERSION_1}.get(version, "")
    for statement in statements.split(";"):
        connection.execute(statement)
    if statements:
        connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")
    if version not in (0, 1, VERSION):
        raise LogUnavailable(f"the broker's log has the format {version}; this broker reads {VERSION}")
