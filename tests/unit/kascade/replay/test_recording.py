"""A log is read from rows of the ledger, or from bare events."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kascade.replay.recording import ReplayError, read_lines

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_bare_events_are_a_log_too_and_bad_lines_are_named() -> None:
    bare = (
        '{"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "time": "2026-03-01T12:00:00+00:00"}'
    )
    (only,) = read_lines([bare, "", bare])
    assert (only.at, only.event.id) == (NOON, "1")
    for line in (
        "[1]",
        "{",
        '{"event": {"id": "1"}}',
        '{"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}',
    ):
        with pytest.raises(ReplayError, match="line 2"):
            read_lines([bare, line])
    with pytest.raises(ReplayError, match="whole=1"):
        read_lines(['{"seq": 1, "event": {"id": "1", "data_omitted_bytes": 9}}'])
