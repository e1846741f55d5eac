"""Reads the rows of a damaged SQLite file; rows on unreadable pages are passed over."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_MOST_ROWS = 1_000
_HIGHEST = 2**62
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_LEAF = 0x0D


def is_damage(error: BaseException) -> bool:
    """Return whether SQLite says that the file is not what it wrote."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _DAMAGE


def rows_around(connection: sqlite3.Connection, sql: str, *given: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the rows that can be read.

    Args:
        connection: of the damaged file.
        sql: a query that ends with `… AND key > ? ORDER BY key LIMIT ?`; its first column is the integer key.
        given: the values of the query's parameters before those two.
    """
    after, limit = -1, _MOST_ROWS
    while True:
        try:
            rows = connection.execute(sql, (*given, after, limit)).fetchall()
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            if limit > 1:
                limit //= 10
                continue
            behind = _first_readable(connection, sql, given, after)
            if behind is None:
                return
            after = behind
            continue
        if not rows:
            return
        yield from rows
        after, limit = rows[-1][0], min(limit * 10, _MOST_ROWS)


def _first_readable(
    connection: sqlite3.Connection, sql: str, given: tuple[Any, ...], after: int
) -> int | None:
    """Return the lowest key after which a row can be read again, None when there is none."""

    def readable(key: int) -> bool:
        try:
            connection.execute(sql, (*given, key, 1)).fetchone()
        except sqlite3.DatabaseError:
            return False
        return True

    step = 1
    while not readable(after + step):
        step *= 2
        if step > _HIGHEST:
            return None
    unreadable, found = after + step // 2, after + step
    while found - unreadable > 1:
        middle = (unreadable + found) // 2
        if readable(middle):
            found = middle
        else:
            unreadable = middle
    return found


def records_in_pages(file: Path, keys: set[int]) -> Iterator[tuple[int, list[Any]]]:
    """Yield (key, columns) of the table rows in every page of the file, whether or not an index leads to it.

    Old rows that were deleted, and rows of other tables, are among them: the caller has to know its own. The
    format is section 1.5 and 2.1 of SQLite's file format (https://sqlite.org/fileformat2.html).
    """
    with file.open("rb") as opened:
        size = int.from_bytes(opened.read(18)[16:], "big")
        pages = _Pages(opened, 65_536 if size == 1 else size if size in _SIZES else 4_096)
        for number in range(1, pages.count() + 1):
            page = pages.read(number)
            if len(page) == pages.size and number > 1 and page[0] == _LEAF:
                yield from _rows_of(pages, page, keys)


_SIZES = frozenset(512 << power for power in range(7))


class _Pages:
    def __init__(self, opened: Any, size: int) -> None:
        self._opened = opened
        self.size = size

    def count(self) -> int:
        return int(self._opened.seek(0, 2)) // self.size

    def read(self, number: int) -> bytes:
        self._opened.seek((number - 1) * self.size)
        return bytes(self._opened.read(self.size))


def _rows_of(pages: _Pages, page: bytes, keys: set[int]) -> Iterator[tuple[int, list[Any]]]:
    for cell in range(int.from_bytes(page[3:5], "big")):
        at = int.from_bytes(page[8 + 2 * cell : 10 + 2 * cell], "big")
        try:
            length, at = _varint(page, at)
            key, at = _varint(page, at)
            if key in keys:
                yield key, _columns(_payload(pages, page, at, length))
        except (IndexError, ValueError):
            continue


def _payload(pages: _Pages, page: bytes, at: int, length: int) -> bytes:
    usable = pages.size
    local, least = length, (usable - 12) * 32 // 255 - 23
    if length > usable - 35:
        local = least + (length - least) % (usable - 4)
        local = local if local <= usable - 35 else least
    payload = bytearray(page[at : at + local])
    following = int.from_bytes(page[at + local : at + local + 4], "big")
    while len(payload) < length:
        overflow = pages.read(following) if following else b""
        if len(overflow) < pages.size:
            raise ValueError("the chain of overflow pages ends early")
        payload += overflow[4:]
        following = int.from_bytes(overflow[:4], "big")
    return bytes(payload[:length])


def _columns(payload: bytes) -> list[Any]:
    end, at = _varint(payload, 0)
    value_at = end
    columns: list[Any] = []
    while at < end:
        kind, at = _varint(payload, at)
        if kind >= 12:
            size = (kind - 12) // 2
            raw = payload[value_at : value_at + size]
            columns.append(raw.decode() if kind % 2 else raw)
        else:
            size = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)[kind]
            integer = int.from_bytes(payload[value_at : value_at + size], "big", signed=True)
            columns.append({0: None, 8: 0, 9: 1}.get(kind, integer))
        value_at += size
    return columns


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(at, at + 8):
        value = value << 7 | data[place] & 0x7F
        if data[place] < 0x80:
            return value, place + 1
    return value << 8 | data[at + 8], at + 9
