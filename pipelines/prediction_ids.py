"""Prediction ids, and names of files, that tell their time: UUIDv7 (RFC 9562).

All ids of one request share the millisecond and 58 random bits; the last four hex digits count the rows (the
"counter" of RFC 9562 section 6.2). Building them is a table look-up: 100 ids take some 10 microseconds.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

MAX_ROWS = 1 << 16
RANDOM_BITS = 58

_rows: list[str] = [f"{row:04x}" for row in range(256)]


def uuid7(at: datetime, seed: str) -> str:
    """Return the UUIDv7 of a time, to the millisecond, and a seed: the same two give the same id."""
    bits = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:10], "big")
    return _uuid7(int(at.timestamp() * 1000), bits >> 62, bits)


def time_of(prediction_id: str) -> datetime | None:
    """Return the time that a UUIDv7 tells; None for any other text, and for a time that no clock shows."""
    try:
        found = uuid.UUID(prediction_id)
        return datetime.fromtimestamp((found.int >> 80) / 1000, UTC) if found.version == 7 else None
    except (ValueError, OverflowError):
        return None


def canonical(prediction_id: str) -> str:
    """Return an id as the log has it: a UUID in lower case with hyphens, any other text as it is."""
    try:
        return str(uuid.UUID(prediction_id))
    except ValueError:
        return prediction_id


def prediction_ids(count: int, now_ms: int, random_bits: int) -> list[str]:
    """Build the ids of one request.

    Args:
        count: how many, at most MAX_ROWS.
        now_ms: milliseconds since the epoch.
        random_bits: RANDOM_BITS random bits, fresh for each request.
    """
    while len(_rows) < count:
        _rows.append(f"{len(_rows):04x}")
    prefix = _uuid7(now_ms, random_bits >> 46, random_bits << 16)[:-4]
    return [prefix + row for row in _rows[:count]]


def _uuid7(milliseconds: int, a: int, b: int) -> str:
    """Write a UUIDv7 of a time, the low 12 bits of `a` and the low 62 of `b`."""
    time = (milliseconds & (1 << 48) - 1) << 80
    return str(uuid.UUID(int=time | 0x7 << 76 | (a & 0xFFF) << 64 | 0b10 << 62 | b & (1 << 62) - 1))


class IdSource:
    """Gives the ids of one request after another. The clock (in seconds) and the randomness are passed in."""

    def __init__(self, clock: Callable[[], float], random_bits: Callable[[int], int]) -> None:
        self._clock = clock
        self._random_bits = random_bits

    def take(self, count: int) -> list[str]:
        """Return `count` fresh ids."""
        return prediction_ids(count, int(self._clock() * 1000), self._random_bits(RANDOM_BITS))


class RequestIds:
    """Gives the ids for one request that has an id of its own, a UUIDv7: the first row's is that one.

    Whoever is asked under this id gives the same ids.
    """

    def __init__(self, request_id: str) -> None:
        """Take the request's id. Raises: ValueError for one that is no UUIDv7."""
        made_at = time_of(request_id)
        if made_at is None:
            raise ValueError(f"{request_id!r} is no UUIDv7")
        self.at: datetime = made_at
        self._id = canonical(request_id)

    def take(self, count: int) -> list[str]:
        """Return the `count` ids of the request."""
        return [uuid7(self.at, f"{self._id}/{row}") if row else self._id for row in range(count)]


class EventIds:
    """Gives the ids for one event: the same event yields the same ids, however often it is delivered."""

    def __init__(self, source: str, event_id: str, time_ms: int) -> None:
        digest = hashlib.sha256(f"{source}\x1f{event_id}".encode()).digest()
        self._bits = int.from_bytes(digest[:8], "big") >> (64 - RANDOM_BITS)
        self._time_ms = time_ms

    def take(self, count: int) -> list[str]:
        """Return the `count` ids of the event."""
        return prediction_ids(count, self._time_ms, self._bits)
