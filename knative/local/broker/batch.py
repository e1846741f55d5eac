"""What is written to the log in one transaction."""

from __future__ import annotations

import sqlite3
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from knative.local.broker.disk_guard import bytes_of
from knative.local.broker.event import Record

Callback = Callable[[Any], None]
"""Is called on the event loop with what came of a note: a value, or a LogUnavailable."""


@dataclass(slots=True)
class Batch:
    """Notes for one transaction. Rows are tuples in the order of the statements that take them.

    Attributes:
        events: (seq, ttl, fanout, open, headers, body, checksum, lanes) of accepted events.
        deliveries: (lane, seq) of their deliveries.
        waiting: who is called once the events are stored: (callback, the event's seq).
        lanes: (number, key) of new lanes.
        replies: seq of those events that answer a delivery.
        answered: (lane, seq) delivered and replied to: finished only together with `replies`.
        finished: (lane, seq) delivered, of events with a single lane.
        shared: (lane, seq) delivered, of events with several lanes.
        retried: (attempts, due, error, lane, seq).
        moved: (new lane, due, error, lane, seq), to the lane of the dead letter sink.
        parked: (lane, seq, parked_at, error, delivered lane), to rest until someone redrives them.
        calls: (who gets the result, function) run after the notes are stored.
    """

    events: list[tuple[Any, ...]] = field(default_factory=list)
    deliveries: list[tuple[int, int]] = field(default_factory=list)
    waiting: list[tuple[Callback, int]] = field(default_factory=list)
    lanes: list[tuple[int, str]] = field(default_factory=list)
    replies: list[int] = field(default_factory=list)
    answered: list[tuple[int, int]] = field(default_factory=list)
    finished: list[tuple[int, int]] = field(default_factory=list)
    shared: list[tuple[int, int]] = field(default_factory=list)
    retried: list[tuple[Any, ...]] = field(default_factory=list)
    moved: list[tuple[Any, ...]] = field(default_factory=list)
    parked: list[tuple[Any, ...]] = field(default_factory=list)
    calls: list[tuple[Callback, Callable[[sqlite3.Connection], Any]]] = field(default_factory=list)

    def add_event(self, seq: int, record: Record, lanes: list[int], callback: Callback) -> None:
        """Note an accepted event and its deliveries."""
        count = len(lanes)
        headers, body = orjson.dumps(record.headers), record.body
        to = ",".join(map(str, lanes))
        self.events.append((seq, record.ttl, count, count, headers, body, checksum(headers, body), to))
        for lane in lanes:
            self.deliveries.append((lane, seq))
        self.waiting.append((callback, seq))

    def without_new_events(self) -> tuple[Batch, list[tuple[Callback, int]]]:
        """Return the same notes with only those events that answer a delivery; and who sent the others."""
        kept = set(self.replies)
        rest = self.without_events()
        rest.events = [event for event in self.events if event[0] in kept]
        rest.deliveries = [each for each in self.deliveries if each[1] in kept]
        rest.waiting = [each for each in self.waiting if each[1] in kept]
        rest.replies, rest.answered = self.replies, self.answered
        return rest, [each for each in self.waiting if each[1] not in kept]

    def without_events(self) -> Batch:
        """Return the same notes without the accepted events: what must not be lost when there is no space."""
        return Batch(
            lanes=self.lanes,
            finished=self.finished,
            shared=self.shared,
            retried=self.retried,
            moved=self.moved,
            parked=self.parked,
            calls=self.calls,
        )

    def take_notes(self, count: int) -> Batch:
        """Take out up to `count` notes of each kind about deliveries, with all new lanes."""
        taken = Batch(lanes=self.lanes)
        self.lanes = []
        for name in ("finished", "shared", "retried", "moved", "parked"):
            notes = getattr(self, name)
            setattr(taken, name, notes[:count])
            setattr(self, name, notes[count:])
        return taken

    def new_bytes(self) -> int:
        """Return what the events take at most, in the WAL and in the file.

        Those that answer a delivery are not counted: each is stored as the event it answers goes.
        """
        kept = set(self.replies)
        return sum(bytes_of(event[4], event[5]) for event in self.events if event[0] not in kept)

    def __bool__(self) -> bool:
        """Say whether there is anything to do."""
        return any(getattr(self, name) for name in self.__slots__)

    def absorb(self, later: Batch) -> None:
        """Append the notes of a later batch to these."""
        for name in self.__slots__:
            getattr(self, name).extend(getattr(later, name))

    def write(self, connection: sqlite3.Connection) -> None:
        """Write the notes, all or nothing.

        Raises:
            sqlite3.Error: nothing was written.
        """
        connection.execute("BEGIN IMMEDIATE")
        try:
            self._write(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _write(self, connection: sqlite3.Connection) -> None:
        many = connection.executemany
        counted: Counter[int] = Counter()
        if self.lanes:
            many("INSERT INTO lanes (id, key) VALUES (?, ?)", self.lanes)
        if self.events:
            many("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", self.events)
            many("INSERT INTO deliveries VALUES (?, ?, 0, 0, NULL)", self.deliveries)
            counted.update(lane for lane, _ in self.deliveries)
        for lane, notes in _by_lane(self.finished).items():
            counted[lane] -= many("DELETE FROM deliveries WHERE lane = ? AND seq = ?", notes).rowcount
            many("DELETE FROM events WHERE seq = ?", [(seq,) for _, seq in notes])
        for lane, seq in (*self.answered, *self.shared):
            counted[lane] -= finish(connection, lane, seq)
        if self.retried:
            many(
                "UPDATE deliveries SET attempts = ?, due = ?, error = ? WHERE lane = ? AND seq = ?",
                self.retried,
            )
        for to, due, error, lane, seq in self.moved:
            if _delete(connection, lane, seq):
                counted[lane] -= 1
                counted[to] += 1 - _delete(connection, to, seq)
                connection.execute("INSERT INTO deliveries VALUES (?, ?, 0, ?, ?)", (to, seq, due, error))
        for lane, seq, at, error, held in self.parked:
            if _delete(connection, held, seq):
                counted[held] -= 1
                connection.execute(_PARK, (lane, seq, at, error))
        count_waiting(connection, counted)


_PARK = "INSERT INTO parked (lane, seq, parked_at, error) VALUES (?, ?, ?, ?)"


def checksum(headers: bytes, body: bytes) -> int:
    """Return what an event's row keeps to tell later whether both are what was stored."""
    return zlib.crc32(body, zlib.crc32(headers))


def count_waiting(connection: sqlite3.Connection, more: Mapping[int, int]) -> None:
    """Add to how many deliveries each lane has."""
    changed = [(by, lane) for lane, by in more.items() if by]
    if changed:
        connection.executemany("UPDATE lanes SET waiting = waiting + ? WHERE id = ?", changed)


def _by_lane(notes: list[tuple[int, int]]) -> dict[int, list[tuple[int, int]]]:
    by_lane: dict[int, list[tuple[int, int]]] = {}
    for note in notes:
        by_lane.setdefault(note[0], []).append(note)
    return by_lane


def _delete(connection: sqlite3.Connection, lane: int, seq: int) -> int:
    return connection.execute("DELETE FROM deliveries WHERE lane = ? AND seq = ?", (lane, seq)).rowcount


def finish(connection: sqlite3.Connection, lane: int, seq: int) -> int:
    """Delete a delivery, and its event if it was the last; return 0 if it was gone already, else 1."""
    deleted = _delete(connection, lane, seq)
    if deleted:
        close_events(connection, [seq])
    return deleted


def close_events(connection: sqlite3.Connection, seqs: list[int]) -> None:
    """Count one lane less for each of these events, and delete those without any."""
    rows = [(seq,) for seq in seqs]
    connection.executemany("UPDATE events SET open = open - 1 WHERE seq = ?", rows)
    connection.executemany("DELETE FROM events WHERE seq = ? AND open <= 0", rows)
