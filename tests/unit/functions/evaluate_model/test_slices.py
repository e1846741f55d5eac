"""Slices cover the rows once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from functions.evaluate_model.slices import slices_of

START = datetime(2026, 1, 1, tzinfo=UTC)


def table(rows: int = 400) -> pa.Table:
    rng = np.random.default_rng(5)
    times = [START + timedelta(hours=hour) for hour in range(rows)]
    return pa.table(
        {
            "seen_at": pa.array(times, pa.timestamp("us", tz="UTC")),
            "amount": rng.normal(size=rows),
            "visits": rng.integers(0, 3, rows),
            "age": rng.integers(18, 90, rows),
            "country": pa.array([["NL", "BE", None][n] for n in rng.integers(0, 3, rows)], pa.string()),
            "same": np.ones(rows),
        }
    )


@pytest.mark.parametrize(
    ("column", "values"),
    [("country", 3), ("visits", 3), ("amount", 4), ("age", 4), ("seen_at", 4), ("same", 1)],
)
def test_slices_cover_every_row_once(column: str, values: int) -> None:
    found = list(slices_of(table(), column))
    assert len(found) == values
    assert np.array_equal(np.sum([rows for _, rows in found], axis=0), np.ones(400))


def test_slices_name_their_rows() -> None:
    assert {value for value, _ in slices_of(table(), "country")} == {"NL", "BE", "(missing)"}
    first = next(slices_of(table(), "seen_at"))[0]
    assert first.startswith("[2026-01-01T00:00:00, 2026-01-05")
