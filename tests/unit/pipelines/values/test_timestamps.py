"""Moments are kept within the years 1 to 9999 in UTC, however a file writes them."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from pipelines.spec import Kind
from pipelines.values.arrays import read_array
from pipelines.values.form import Form

DAY_MS = 86_400_000
FIRST, LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


def read(array: pa.Array, format_: str | None = None) -> tuple[list[object], list[bool]]:
    values, bad = read_array(array, Kind.DATETIME, Form(format=format_))
    return values.to_pylist(), bad.tolist()


@pytest.mark.parametrize(("type_", "per_day"), [(pa.date32(), 1), (pa.date64(), DAY_MS)])
def test_dates_outside_the_calendar_are_bad_as_timestamps_are(type_: pa.DataType, per_day: int) -> None:
    days = [-719_163, -719_162, 2_932_896, 2_932_897, 2**31 - 1]
    ticks = pa.array([day * per_day for day in days] + [None], pa.int32() if per_day == 1 else pa.int64())

    assert read(ticks.cast(type_)) == (
        [None, FIRST, LAST, None, None, None],
        [True, False, False, True, True, False],
    )


@pytest.mark.parametrize("beside", ["2026-01-01T00:00:00+00:00", "soon"])
def test_a_text_whose_zone_leads_out_of_the_calendar_is_bad_whatever_stands_beside_it(beside: str) -> None:
    cells = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:00-14:00", beside]
    values, bad = read(pa.array(cells))

    assert (values[:2], bad[:2]) == ([None, None], [True, True])


def test_a_year_0_is_bad_in_a_format_too() -> None:
    assert read(pa.array(["01/01/0000", "01/01/0001"]), "%d/%m/%Y") == ([None, FIRST], [True, False])
