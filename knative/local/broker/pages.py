"""Reads of the log: bounded pages of what a lane has to deliver, and what is parked."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from knative.local.broker.batch import checksum, close_events, count_waiting
from knative.local.broker.errors import Damaged
from knative.local.broker.event import Record

_COLUMNS = "d.seq, d.attempts, d.error, e.fanout, e.ttl, e.headers, e.body, e.checksum"
_FROM = "FROM deliveries d LEFT JOIN events e ON e.seq = d.seq"
_DUE = f"SELECT {_COLUMNS} {_FROM} WHERE d.lane = ? AND d.due > 0 AND d.due <= ? ORDER BY d.due LIMIT ?"
_FRESH = f"SELECT {_COLUMNS} {_FROM} WHERE d.lane = ? AND d.seq > ? AND d.due = 0 ORDER BY d.seq LIMIT ?"
# With `due > 0` the partial index is used; otherwise a page would cost time in proportion to the lane.
_NEXT_DUE = "SELECT min(due) FROM deliveries WHERE lane = ? AND due > 0 AND due > ?"
_LATEST_DUE = "SELECT max(due) FROM deliveries WHERE lane = ? AND due > 0"
_BOUND_DUE = (
    "UPDATE deliveries SET due = ? WHERE lane = ? AND due > 0 AND due > ? AND attempts BETWEEN ? AND ?"
)
_CLOCK_SLACK_S = 1.0


@dataclass(slots=True)
class Item:
    """One delivery: its event, how often it has failed so far, and in the dead letter lane with what."""

    seq: int
    record: Record
    shared: bool
    attempts: int = 0
    error: bytes | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """What a lane can deliver now.

    Attributes:
        due: retries whose time has come, the oldest first.
        fresh: deliveries not tried yet, in order of acceptance.
        more_fresh: whether there are more of those.
        next_due: when the next retry comes (epoch seconds); None when there is none.
    """

    due: list[Item]
    fresh: list[Item]
    more_fresh: bool
    next_due: float | None


@dataclass(frozen=True, slots=True)
class Parked:
    """An event that no one took: neither the subscriber nor a dead letter sink."""

    id: int
    trigger: str
    parked_at: float
    headers: dict[str, str]
    body: bytes
    error: dict[str, str]


def read_page(
    connection: sqlite3.Connection,
    lane: int,
    after: int,
    *,
    now: float,
    events: int,
    fresh: bool,
    held: Collection[int],
    max_bytes: int,
    waits: Sequence[float] = (),
) -> Page:
    """Read a page of a lane.

    Raises:
        Damaged: an event of the page is not what was stored, or not there.

    Args:
        connection: of the log.
        lane: whose deliveries.
        after: fresh deliveries start behind this number.
        now: epoch seconds, for the retries.
        events: how many of each kind at most.
        fresh: whether fresh deliveries are wanted, or only retries.
        held: the numbers that the lane has already: they are left out.
        max_bytes: of bodies, of each kind; the first one fits always.
        waits: seconds that a retry waits at most, by how often it has failed; not bounded when empty.
    """
    if waits:
        _bound_waits(connection, lane, now, waits)
    limit = events + len(held)
    due, more_due = _items(connection.execute(_DUE, (lane, now, limit)), limit, max_bytes, held)
    rows = connection.execute(_FRESH, (lane, after, events)) if fresh else ()
    found, more_fresh = _items(rows, events, max_bytes, ())
    (next_due,) = connection.execute(_NEXT_DUE, (lane, now)).fetchone()
    return Page(due, found, more_fresh, now if more_due else next_due)


def _bound_waits(connection: sqlite3.Connection, lane: int, now: float, waits: Sequence[float]) -> None:
    """Bound each retry's wait by its policy: a longer one was set while the clock was ahead."""
    (latest,) = connection.execute(_LATEST_DUE, (lane,)).fetchone()
    if latest is None or latest <= now + max(waits) + _CLOCK_SLACK_S:
        return
    connection.execute("BEGIN IMMEDIATE")
    for failed, wait in enumerate(waits):
        last = failed == len(waits) - 1
        connection.execute(
            _BOUND_DUE, (now + wait, lane, now + wait + _CLOCK_SLACK_S, failed, 2**31 if last else failed)
        )
    connection.execute("COMMIT")


def _items(rows: Iterable[Any], limit: int, max_bytes: int, held: Collection[int]) -> tuple[list[Item], bool]:
    """Build items of what is not held until their bodies take `max_bytes`; say whether there are more."""
    items: list[Item] = []
    count = size = 0
    for seq, attempts, error, fanout, ttl, headers, body, stored in rows:
        count += 1
        if seq in held:
            continue
        if headers is None or (stored is not None and stored != checksum(headers, body)):
            raise Damaged(f"event {seq} is not what was stored")
        size += len(body)
        if items and size > max_bytes:
            return items, True
        items.append(Item(seq, Record(orjson.loads(headers), body, ttl), fanout > 1, attempts, error))
    return items, count == limit


def drop_some(connection: sqlite3.Connection, lane: int, at_most: int = 5_000) -> int:
    """Delete deliveries of a lane, also parked ones, a part at a time as others wait; return how many."""
    dropped = 0
    connection.execute("BEGIN IMMEDIATE")
    for table, key in (("deliveries", "seq"), ("parked", "id")):
        rows = connection.execute(
            f"SELECT {key}, seq FROM {table} WHERE lane = ? LIMIT ?",  # noqa: S608
            (lane, at_most),
        ).fetchall()
        connection.executemany(
            f"DELETE FROM {table} WHERE lane = ? AND {key} = ?",  # noqa: S608
            [(lane, row[0]) for row in rows],
        )
        close_events(connection, [row[1] for row in rows])
        if table == "deliveries":
            count_waiting(connection, {lane: -len(rows)})
        dropped += len(rows)
    connection.execute("COMMIT")
    return dropped


def read_parked(connection: sqlite3.Connection, limit: int) -> list[Parked]:
    """Read what is parked, the newest first."""
    rows = connection.execute(
        "SELECT p.id, l.key, p.parked_at, e.headers, e.body, p.error FROM parked p "
        "LEFT JOIN events e ON e.seq = p.seq JOIN lanes l ON l.id = p.lane ORDER BY p.id DESC LIMIT ?",
        (limit,),
    )
    return [
        Parked(id_, key, at, *_intact(headers, body), orjson.loads(error))
        for id_, key, at, headers, body, error in rows
    ]


def _intact(headers: bytes | None, body: bytes) -> tuple[dict[str, str], bytes]:
    if headers is None:
        raise Damaged("an event that is parked is not there")
    return orjson.loads(headers), body


def redrive(connection: sqlite3.Connection, lane: int, ids: list[int] | None) -> int:
    """Give parked events of a lane back to it as new deliveries, all of them or those of `ids`."""
    connection.execute("BEGIN IMMEDIATE")
    rows = connection.execute("SELECT id, seq FROM parked WHERE lane = ? ORDER BY id", (lane,)).fetchall()
    chosen = [(id_, seq) for id_, seq in rows if ids is None or id_ in ids]
    now = time.time()
    for id_, seq in chosen:
        connection.execute("DELETE FROM parked WHERE id = ?", (id_,))
        connection.execute("INSERT OR REPLACE INTO deliveries VALUES (?, ?, 0, ?, NULL)", (lane, seq, now))
    count_waiting(connection, {lane: len(chosen)})
    connection.execute("COMMIT")
    return len(chosen)


def discard_parked(connection: sqlite3.Connection, ids: list[int]) -> int:
    """Delete parked events for good; return how many there were."""
    connection.execute("BEGIN IMMEDIATE")
    dropped = 0
    for id_ in ids:
        row = connection.execute("DELETE FROM parked WHERE id = ? RETURNING seq", (id_,)).fetchone()
        if row is not None:
            close_events(connection, [row[0]])
            dropped += 1
    connection.execute("COMMIT")
    return dropped
