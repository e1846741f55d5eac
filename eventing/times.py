"""Which points in time are taken: those that a zone or a duration may shift, and that stay times."""

from __future__ import annotations

from datetime import UTC, datetime

EARLIEST, LATEST = datetime(1000, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


def check_time(value: datetime) -> datetime:
    """Return a time that is taken.

    Raises:
        ValueError: it has no zone, or lies outside of the years 1000 to 8999 in UTC.
    """
    if value.tzinfo is None:
        raise ValueError(f"{value.isoformat()} has no time zone: add Z or an offset")
    if not EARLIEST <= value < LATEST:
        raise ValueError(f"{value.isoformat()} lies outside of the years 1000 to 8999 in UTC")
    return value
