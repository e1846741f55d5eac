"""The index of buckets, objects and unfinished uploads, in SQLite beside the files with their content."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import sqlite3
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from kascade.system.stores.s3.errors import S3Error

_log = logging.getLogger(__name__)
_DATABASE = "index.db"
_FILES = ".objects"
_LOCK = ".lock"
_RESERVE_BYTES = 256 << 10
LAST = "\U0010ffff" * 257
"""After what begins a key, it is after every key that begins so: no key is as long."""
_ABANDONED_S = 7 * 24 * 3600
_SCHEMA = """
CREATE TABLE buckets (name TEXT PRIMARY KEY, created REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE objects (
    bucket TEXT NOT NULL, key TEXT NOT NULL, file TEXT NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,
    modified REAL NOT NULL, headers TEXT NOT NULL, PRIMARY KEY (bucket, key)) WITHOUT ROWID;
CREATE TABLE uploads (
    id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL, headers TEXT NOT NULL, started REAL NOT NULL
    ) WITHOUT ROWID;
CREATE TABLE parts (
    upload TEXT NOT NULL, number INTEGER NOT NULL, file TEXT NOT NULL, size INTEGER NOT NULL,
    etag TEXT NOT NULL, modified REAL NOT NULL, PRIMARY KEY (upload, number)) WITHOUT ROWID;
PRAGMA user_version = 1;
"""
_OBJECT = "SELECT key, file, size, etag, modified, headers FROM objects"


@dataclass(frozen=True)
class Entry:
    """An object or a part; `file` is its content's, `modified` in seconds since 1970."""

    key: str
    file: Path
    size: int
    etag: str
    modified: float
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Page:
    """A part of a listing; `last` is where the next one goes on, None at the end."""

    entries: list[Entry]
    prefixes: list[str]
    last: str | None


class FolderInUse(Exception):
    """Another process serves the folder: two would remove each other's files."""


class Index:
    """Of one folder, for one process. What a method changed outlives the process, however that ends.

    The content of an object is a file that is never changed: a new version is a new file, on the disk before
    its row, and there for readers once its row is. Files without a row are removed at the next start. A loss
    of power may take back the last changes, and leaves no object half written.
    """

    def __init__(self, folder: Path) -> None:
        """Open the index; the first time, take the files below the folder for objects of the buckets."""
        self._folder = folder
        self._files = folder / _FILES
        self._files.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(folder / _LOCK)
        self._reserve = folder / ".reserve"
        self._keep_reserve()
        self._db = sqlite3.connect(folder / _DATABASE, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        if not self._db.execute("PRAGMA user_version").fetchone()[0]:
            self._db.executescript(f"BEGIN;{_SCHEMA}")
            self._adopt()
            self._db.execute("COMMIT")
        self._tidy()

    def close(self) -> None:
        """Let go of the database and the folder."""
        self._db.close()
        self._lock.close()

    def new_file(self) -> Path:
        """Return the path of a file for some content; nothing is there yet."""
        return self._files / uuid.uuid4().hex

    def buckets(self) -> list[tuple[str, float]]:
        """List the buckets' names and when each was made."""
        return self._db.execute("SELECT name, created FROM buckets ORDER BY name").fetchall()

    def make_bucket(self, name: str) -> None:
        """Make a bucket. Raises: S3Error."""
        if self._db.execute("INSERT OR IGNORE INTO buckets VALUES (?, ?)", (name, time.time())).rowcount == 0:
            raise S3Error("BucketAlreadyOwnedByYou", "The bucket exists, and you own it.")

    def remove_bucket(self, name: str) -> None:
        """Remove an empty bucket. Raises: S3Error."""
        self.need_bucket(name)
        if self._db.execute("SELECT 1 FROM objects WHERE bucket = ? LIMIT 1", (name,)).fetchone():
            raise S3Error("BucketNotEmpty", "The bucket is not empty.")
        for _, upload, _ in self.uploads(name):
            self.end_upload(upload)
        self._db.execute("DELETE FROM buckets WHERE name = ?", (name,))

    def need_bucket(self, name: str) -> None:
        """Raises: S3Error: there is no such bucket."""
        if not self._db.execute("SELECT 1 FROM buckets WHERE name = ?", (name,)).fetchone():
            raise S3Error("NoSuchBucket", "The specified bucket does not exist.")

    def find(self, bucket: str, key: str) -> Entry | None:
        """Return an object, if it is there. Raises: S3Error: there is no such bucket."""
        self.need_bucket(bucket)
        row = self._db.execute(f"{_OBJECT} WHERE bucket = ? AND key = ?", (bucket, key)).fetchone()
        return self._entry(row) if row else None

    def need_place(self, bucket: str, key: str) -> None:
        """Refuse a key that is a folder, or in an object: a slash was forgotten. Raises: S3Error."""
        self.need_bucket(bucket)
        parts = key.rstrip("/").split("/")
        above = ["/".join(parts[:count]) for count in range(1, len(parts) + key.endswith("/"))]
        if any(self.find(bucket, each) for each in above):
            raise S3Error("XMinioParentIsObject", "A part of the key is already an object.")
        query = "SELECT 1 FROM objects WHERE bucket = ? AND key >= ? AND key < ? LIMIT 1"
        if not key.endswith("/") and self._db.execute(query, (bucket, f"{key}/", f"{key}0")).fetchone():
            raise S3Error("XMinioObjectExistsAsDirectory", "The key is already a folder with objects in it.")

    def put(self, bucket: str, entry: Entry) -> None:
        """Store the object in place of the one before. Raises: S3Error."""
        self.need_place(bucket, entry.key)
        before = self.find(bucket, entry.key)
        file = str(entry.file.relative_to(self._folder))
        row = (bucket, entry.key, file, entry.size, entry.etag, entry.modified, json.dumps(entry.headers))
        self._db.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        if before:
            before.file.unlink(missing_ok=True)

    def remove(self, bucket: str, key: str) -> None:
        """Remove the object if it is there. Raises: S3Error: there is no such bucket."""
        if before := self.find(bucket, key):
            statement = "DELETE FROM objects WHERE bucket = ? AND key = ?"
            try:
                self._db.execute(statement, (bucket, key))
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
                    raise
                self._reserve.unlink(missing_ok=True)  # a removal must not fail because the disk is full
                self._db.execute(statement, (bucket, key))
            before.file.unlink(missing_ok=True)
            self._keep_reserve()

    def page(self, bucket: str, prefix: str, delimiter: str, after: str, limit: int) -> Page:
        """List objects in the order of their keys' bytes, those with the delimiter in the rest by prefix."""
        self.need_bucket(bucket)
        page, last = Page([], [], None), after
        query = f"{_OBJECT} WHERE bucket = ? AND key > ? AND key >= ? AND key < ? ORDER BY key"
        more = True
        while more:
            more = False
            for row in self._db.execute(query, (bucket, last, prefix, prefix + LAST)):
                if len(page.entries) + len(page.prefixes) >= limit:
                    return Page(page.entries, page.prefixes, last)
                key = row[0]
                end = key.find(delimiter, len(prefix)) if delimiter else -1
                if end >= 0:
                    page.prefixes.append(key[: end + len(delimiter)])
                    last, more = page.prefixes[-1] + LAST, True
                    break
                page.entries.append(self._entry(row))
                last = key
        return page

    def start_upload(self, bucket: str, key: str, headers: Mapping[str, str]) -> str:
        """Note an upload in parts and return its id. Raises: S3Error."""
        self.need_place(bucket, key)
        made = uuid.uuid4().hex
        row = (made, bucket, key, json.dumps(headers), time.time())
        self._db.execute("INSERT INTO uploads VALUES (?, ?, ?, ?, ?)", row)
        return made

    def uploads(self, bucket: str) -> list[tuple[str, str, float]]:
        """List key, id and start of what is unfinished. Raises: S3Error: there is no such bucket."""
        self.need_bucket(bucket)
        query = "SELECT key, id, started FROM uploads WHERE bucket = ? ORDER BY key, started"
        return self._db.execute(query, (bucket,)).fetchall()

    def need_upload(self, upload: str, bucket: str, key: str) -> Mapping[str, str]:
        """Return the headers of an upload. Raises: S3Error: there is no such upload of this key."""
        query = "SELECT headers FROM uploads WHERE id = ? AND bucket = ? AND key = ?"
        if row := self._db.execute(query, (upload, bucket, key)).fetchone():
            found: Mapping[str, str] = json.loads(row[0])
            return found
        raise S3Error("NoSuchUpload", "The upload does not exist: it may be complete or aborted.")

    def put_part(self, upload: str, number: int, entry: Entry) -> None:
        """Store a part in place of the one before."""
        before = self.parts(upload).get(number)
        row = (upload, number, str(entry.file.relative_to(self._folder)), entry.size, entry.etag)
        self._db.execute("INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?, ?, ?)", (*row, entry.modified))
        if before:
            before.file.unlink(missing_ok=True)

    def parts(self, upload: str) -> dict[int, Entry]:
        """Return the parts by their numbers, in order."""
        query = "SELECT number, file, size, etag, modified FROM parts WHERE upload = ? ORDER BY number"
        rows = self._db.execute(query, (upload,))
        return {number: self._entry(("", *rest, "{}")) for number, *rest in rows}

    def end_upload(self, upload: str) -> None:
        """Forget an upload and its parts."""
        files = [part.file for part in self.parts(upload).values()]
        self._db.execute("DELETE FROM uploads WHERE id = ?", (upload,))
        self._db.execute("DELETE FROM parts WHERE upload = ?", (upload,))
        for file in files:
            file.unlink(missing_ok=True)

    def _keep_reserve(self) -> None:
        """Reserve some space that a removal can use when the disk is full."""
        if not self._reserve.exists():
            with suppress(OSError):
                self._reserve.write_bytes(bytes(_RESERVE_BYTES))

    def _entry(self, row: tuple[str, str, int, str, float, str]) -> Entry:
        key, file, size, etag, modified, headers = row
        return Entry(key, self._folder / file, size, etag, modified, json.loads(headers))

    def _adopt(self) -> None:
        """Take over a folder of an earlier release's store: its folders are buckets, its paths are keys."""
        for bucket in sorted(each for each in self._folder.glob("[!.]*") if each.is_dir()):
            self._db.execute("INSERT INTO buckets VALUES (?, ?)", (bucket.name, time.time()))
            for file in _files(bucket):
                if not _is_text(file):
                    _log.warning("%r is no object: its name is not UTF-8", file)
                    continue
                with file.open("rb") as stream:
                    etag = hashlib.file_digest(stream, "md5").hexdigest()
                found = file.stat()
                key = file.relative_to(bucket).as_posix()
                row = (bucket.name, key, str(file.relative_to(self._folder)), found.st_size, etag)
                self._db.execute(
                    "INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?, '{}')", (*row, found.st_mtime)
                )

    def _tidy(self) -> None:
        """Remove what a process that was killed left: uploads of a week ago, and files without a row."""
        query = "SELECT id FROM uploads WHERE started < ?"
        for (upload,) in self._db.execute(query, (time.time() - _ABANDONED_S,)).fetchall():
            self.end_upload(upload)
        self._db.execute("DELETE FROM parts WHERE upload NOT IN (SELECT id FROM uploads)")
        known = {row[0] for row in self._db.execute("SELECT file FROM objects UNION SELECT file FROM parts")}
        for name in os.listdir(self._files):
            if f"{_FILES}/{name}" not in known:
                (self._files / name).unlink()


def _locked(path: Path) -> IO[bytes]:
    """Keep the folder to this process, until it ends."""
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise FolderInUse(f"another process serves {path.parent}") from error
    return file


def _is_text(path: Path) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in str(path))


def _files(folder: Path) -> Iterator[Path]:
    for top, _, names in os.walk(folder):
        yield from (Path(top) / name for name in names)
