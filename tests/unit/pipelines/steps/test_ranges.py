"""The range of each number and time that a training saw."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pyarrow as pa

from pipelines.steps.ranges import ranges_of

KINDS = [
    ("amount", "number"),
    ("visits", "integer"),
    ("seen_at", "datetime"),
    ("country", "category"),
    ("empty", "number"),
    ("gone", "number"),
]


def test_numbers_and_times_have_a_range_and_a_middle_and_nothing_else_has() -> None:
    table = pa.table(
        {
            "amount": [3.5, None, float("nan"), float("inf"), 1.5, 9.0],
            "visits": [2**62, 1, 5, None, 3, 4],
            "seen_at": pa.array(
                [datetime(2026, 1, day, 12, tzinfo=UTC) for day in (3, 1, 2, 5, 4)] + [None],
                pa.timestamp("us", "UTC"),
            ),
            "country": ["DE"] * 6,
            "empty": pa.nulls(6, pa.float64()),
        }
    )
    found = ranges_of(table, KINDS)

    assert found == {
        "amount": {"min": 1.5, "max": 9.0, "middle": 3.5},
        "visits": {"min": 1, "max": 2**62, "middle": 4},
        "seen_at": {
            "min": "2026-01-01T12:00:00+00:00",
            "max": "2026-01-05T12:00:00+00:00",
            "middle": "2026-01-03T12:00:00+00:00",
        },
    }
    assert json.loads(json.dumps(found)) == found


def test_times_without_a_zone_are_utc_and_columns_of_chunks_are_read_whole() -> None:
    naive = pa.chunked_array([[datetime(2026, 1, 2)], [datetime(2026, 1, 1)]])
    found = ranges_of(pa.table({"seen_at": naive, "amount": pa.chunked_array([[1.0], [2.0]])}), KINDS)

    assert found["seen_at"]["min"] == "2026-01-01T00:00:00+00:00"
    assert found["amount"] == {"min": 1.0, "max": 2.0, "middle": 2.0}
