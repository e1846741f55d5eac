"""A row gets what was known at its moment: held against a slow, plain reckoning, and planted leaks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.features.aggregation import TIME, view_rows
from pipelines.features.point_in_time import join
from pipelines.features.view import View, Window

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
VIEW = View("m", "v", ("who", "shop"), "at", "m", ttl=5 * HOUR, fields=("x",))


def rows_of(rows: list[tuple[Any, Any, Any]]) -> pa.Table:
    whos, shops, moments = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table(
        {
            "who": pa.array(whos, pa.int64()),
            "shop": pa.array(shops, pa.string()),
            "at": pa.array([None if each is None else START + each * HOUR for each in moments], TIME),
        }
    )


def known_of(rows: list[tuple[Any, Any, Any, Any, Any]]) -> pa.Table:
    whos, shops, moments, learned, values = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    return pa.table(
        {
            "who": pa.array(whos, pa.int64()),
            "shop": pa.array(shops, pa.string()),
            "event_timestamp": pa.array([START + each * HOUR for each in moments], TIME),
            "created_timestamp": pa.array([START + each * HOUR for each in learned], TIME),
            "x": pa.array(values, pa.int64()),
        }
    )


KEYS = (st.integers(0, 2) | st.none(), st.sampled_from(["a", "b"]))
ROWS = st.lists(st.tuples(*KEYS, st.integers(0, 12) | st.none()), max_size=25)
KNOWN = st.lists(
    st.tuples(st.integers(0, 2), KEYS[1], st.integers(0, 12), st.integers(0, 50), st.integers(0, 9)),
    max_size=25,
    unique_by=lambda each: each[:4],
)


@given(ROWS, KNOWN, st.booleans())
@settings(max_examples=150, deadline=None)
def test_each_row_gets_the_newest_that_was_known(rows: Any, known: Any, strictly: bool) -> None:
    expected, missing, stale = [], 0, 0
    for who, shop, at in rows:
        past = [
            each
            for each in known
            if at is not None
            and each[:2] == (who, shop)
            and (each[2] < at or (each[2] == at and not strictly))
        ]
        newest = max(past, key=lambda each: (each[2], each[3]), default=None)
        missing += newest is None
        stale += newest is not None and at - newest[2] > 5
        expected.append(None if newest is None or at - newest[2] > 5 else newest[4])

    joined = join(rows_of(rows), "at", VIEW, known_of(known), strictly_before=strictly)

    assert joined.columns["x"].to_pylist() == expected
    assert (joined.missing, joined.stale) == (missing, stale)


def test_no_later_value_reaches_an_earlier_row() -> None:
    known = known_of([(1, "a", 3, 3, 33), (1, "a", 9, 9, 99)])

    joined = join(rows_of([(1, "a", 4), (1, "a", 2)]), "at", VIEW, known, strictly_before=False)

    assert joined.columns["x"].to_pylist() == [33, None]


def test_a_window_that_includes_the_row_itself_does_not_reach_it() -> None:
    """Whoever sums what is in the row's own window would tell the row what it is asked about."""
    view = View("m", "v", ("who",), "at", "m", windows=(Window("total", "sum", "amount", 24 * HOUR),))
    table = pa.table(
        {
            "who": pa.array([1, 1, 1, 2], pa.int64()),
            "at": pa.array([START, START + HOUR, START + HOUR, START], TIME),
            "amount": pa.array([1.0, 10.0, 100.0, 1000.0]),
        }
    )
    view_table = view_rows(view, table, created=START)
    assert view_table["total"].to_pylist() == [1.0, 111.0, 1000.0]  # it includes the moment's own rows

    joined = join(table, "at", view, view_table, strictly_before=True)

    assert joined.columns["total"].to_pylist() == [None, 1.0, 1.0, None]


def test_entities_are_read_as_those_of_the_view() -> None:
    rows = rows_of([(1, "a", 4)])
    as_text = rows.set_column(0, "who", pa.array(["1"]))
    assert join(as_text, "at", VIEW, known_of([(1, "a", 3, 3, 33)]), strictly_before=True).columns[
        "x"
    ].to_pylist() == [33]
    with pytest.raises(pa.ArrowInvalid):
        join(
            rows.set_column(0, "who", pa.array(["seven"])),
            "at",
            VIEW,
            known_of([(1, "a", 3, 3, 33)]),
            strictly_before=True,
        )
