"""The time of a stream: a row is a second, its label is known `DELAY` seconds later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
DELAY, TICK = 500, 25
"""Labels are late by so many rows; every so many rows the functions hear of what is new."""


def at(row: int) -> datetime:
    """Return the time of a row."""
    return EPOCH + timedelta(seconds=int(row))
