"""Copying what can be read of a damaged log into a new one: each lane gets what it still waits for."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from knative.local.broker.batch import checksum
from knative.local.broker.errors import LogUnavailable
from knative.local.broker.salvage import records_in_pages, rows_around

_COLUMNS = "seq, ttl, fanout, open, headers, body, checksum, lanes"
EVENTS = f"SELECT {_COLUMNS} FROM events WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608
_DELIVERIES = (
    "SELECT seq, attempts, due, error FROM deliveries WHERE lane = ? AND seq > ? ORDER BY seq LIMIT ?"
)
_PARKED = "SELECT id, lane, seq, parked_at, error FROM parked WHERE id > ? ORDER BY id LIMIT ?"
_LANES = "SELECT id, key, waiting FROM lanes WHERE id > ? ORDER BY id LIMIT ?"
# The index lies in other pages than the table.
_LANE_KEYS = "SELECT id, key FROM lanes INDEXED BY sqlite_autoindex_lanes_1"
_HELD = "SELECT lane FROM deliveries WHERE seq = :seq UNION ALL SELECT lane FROM parked WHERE seq = :seq"
_SOUGHT = (
    "SELECT seq FROM deliveries WHERE seq NOT IN (SELECT seq FROM events) "
    "UNION SELECT seq FROM parked WHERE seq NOT IN (SELECT seq FROM events)"
)


class Copy:
    """Copies the rows of a damaged log into a new one."""

    def __init__(self, file: Path, damaged: sqlite3.Connection, whole: sqlite3.Connection) -> None:
        """Copy from `damaged`, a connection to `file`, to `whole`, a new log."""
        self._file = file
        self._damaged = damaged
        self._whole = whole
        self._keys: dict[int, str] = {}
        self._expected: dict[int, int] = {}
        self._again: Counter[int] = Counter()

    def run(self) -> tuple[dict[str, int], dict[str, int]]:
        """Copy; return how many deliveries are lost and how many are made again, by the key of their lane."""
        self._whole.execute("BEGIN")
        self._copy_lanes()
        for lane in self._keys:
            rows = self._rows(_DELIVERIES, lane)
            self._add("deliveries", ((lane, *row) for row in rows))
        self._add("parked", self._rows(_PARKED))
        for table in ("deliveries", "parked"):
            self._whole.execute(f"CREATE INDEX {table}_by_event ON {table} (seq)")
        for event in self._rows(EVENTS):
            self._copy_event(event)
        self._find_in_pages()
        dropped, parked = (self._drop_without_event(table) for table in ("deliveries", "parked"))
        for table in ("deliveries", "parked"):
            self._whole.execute(f"DROP INDEX {table}_by_event")
        found = Counter(dict(self._whole.execute("SELECT lane, count(*) FROM deliveries GROUP BY lane")))
        self._whole.executemany(
            "UPDATE lanes SET waiting = ? WHERE id = ?", [(count, lane) for lane, count in found.items()]
        )
        self._whole.execute("COMMIT")
        # The count that the lane kept knows more than what was dropped, unless an older broker kept none.
        missing = {lane: self._expected.get(lane, 0) - found[lane] for lane in self._keys}
        lost = {lane: max(missing[lane], dropped[lane]) + parked[lane] for lane in self._keys}
        return self._by_key(lost), self._by_key(self._again)

    def _by_key(self, counts: Mapping[int, int]) -> dict[str, int]:
        return {self._keys[lane]: count for lane, count in counts.items() if count}

    def _rows(self, sql: str, *given: Any) -> Iterator[tuple[Any, ...]]:
        return rows_around(self._damaged, sql, *given)

    def _add(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        sql = f"INSERT OR IGNORE INTO {table} VALUES (?, ?, ?, ?, ?)"  # noqa: S608
        self._whole.executemany(sql, rows)

    def _copy_lanes(self) -> None:
        for id_, key, waiting in self._rows(_LANES):
            self._keys[id_], self._expected[id_] = key, waiting
        with suppress(sqlite3.DatabaseError):
            for id_, key in self._damaged.execute(_LANE_KEYS):
                self._keys.setdefault(id_, key)
        if not self._keys:
            raise LogUnavailable("nothing of it can be read, not even the names of its triggers")
        self._whole.executemany("INSERT INTO lanes (id, key) VALUES (?, ?)", self._keys.items())

    def _copy_event(self, event: Sequence[Any]) -> None:
        """Copy an event that some lane has, and have it delivered again where nothing says that it was."""
        seq, ttl, fanout, open_, headers, body, stored, lanes = event
        if not is_whole(headers, body, stored):
            return
        held = [lane for (lane,) in self._whole.execute(_HELD, {"seq": seq})]
        if len(held) < open_:
            missing = self._missing(held, lanes or "")
            self._add("deliveries", ((lane, seq, 0, time.time(), None) for lane in missing))
            self._again.update(missing)
            held += missing
        if held:
            row = (seq, ttl, fanout, len(held), headers, body, stored, lanes)
            self._whole.execute("INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    def _missing(self, held: list[int], lanes: str) -> list[int]:
        """Return the lanes that an event was accepted for and that nothing is known of."""
        numbers = [int(number) for number in lanes.split(",") if number.isdecimal()]
        dead = {f"{self._keys.get(lane)}#dead": lane for lane in numbers}
        known = {*held, *(dead.get(self._keys[lane]) for lane in held if lane in self._keys)}
        return [lane for lane in dead.values() if lane in self._keys and lane not in known]

    def _find_in_pages(self) -> None:
        """Look for the events that the tree no longer leads to in the pages themselves."""
        sought = {seq for (seq,) in self._whole.execute(_SOUGHT)}
        for seq, columns in records_in_pages(self._file, sought) if sought else ():
            if _is_event(columns):
                self._copy_event((seq, *columns[1:]))

    def _drop_without_event(self, table: str) -> Counter[int]:
        dropped = self._whole.execute(
            f"DELETE FROM {table} WHERE seq NOT IN (SELECT seq FROM events) RETURNING lane"  # noqa: S608
        )
        return Counter(lane for (lane,) in dropped.fetchall())


def is_whole(headers: Any, body: Any, stored: Any) -> bool:
    """Say whether the headers and the body of an event are what was stored, as far as the row can tell."""
    are_bytes = isinstance(headers, bytes) and isinstance(body, bytes)
    return are_bytes and stored in (None, checksum(headers, body))


def _is_event(columns: Sequence[Any]) -> bool:
    """Say whether the columns of a row found in some page are those of an event, as its checksum proves."""
    if len(columns) != len(_COLUMNS.split()) or columns[0] is not None or columns[6] is None:
        return False
    return is_whole(*columns[4:7])
