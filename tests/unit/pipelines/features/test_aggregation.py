"""A view's rows equal those of a slow, plain reckoning; and the cases that such reckonings get wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.features.aggregation import TIME, latest, output_kinds, view_rows
from pipelines.features.view import View, Window

DAY = timedelta(days=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
VIEW = View(
    model="churn",
    name="activity",
    entity=("customer",),
    timestamp="at",
    dataset="churn",
    fields=("plan",),
    windows=(
        Window("rows", "count", None, DAY),
        Window("known", "count", "amount", DAY),
        Window("total", "sum", "amount", 7 * DAY),
        Window("average", "mean", "amount", DAY),
        Window("newest", "last", "plan", 2 * DAY),
    ),
)


def _table(rows: list[tuple[str | None, datetime | None, float | None, str | None]]) -> pa.Table:
    customers, moments, amounts, plans = zip(*rows, strict=True) if rows else ((), (), (), ())
    return pa.table(
        {
            "customer": pa.array(customers, pa.string()),
            "at": pa.array(moments, TIME),
            "amount": pa.array(amounts, pa.float64()),
            "plan": pa.array(plans, pa.string()),
        }
    )


def _reference(table: pa.Table) -> list[dict[str, Any]]:
    """Reckon each row by a filter of the whole table, as one would on paper."""
    frame = table.to_pandas().dropna(subset=["customer", "at"]).reset_index(drop=True)
    found = []
    for customer, moment in sorted(set(zip(frame["customer"], frame["at"], strict=True))):
        past = frame[(frame["customer"] == customer) & (frame["at"] <= moment)]
        of_moment = past[past["at"] == moment]

        def within(days: int, column: str, past: Any = past, moment: Any = moment) -> pd.Series[Any]:
            return past[past["at"] > moment - days * DAY].sort_values("at", kind="stable")[column].dropna()

        total, average, plans = within(7, "amount"), within(1, "amount"), within(2, "plan")
        found.append(
            {
                "customer": customer,
                "event_timestamp": moment,
                "plan": of_moment["plan"].iloc[-1],
                "rows": int((past["at"] > moment - DAY).sum()),
                "known": len(average),
                "total": total.sum() if len(total) else None,
                "average": average.mean() if len(average) else None,
                "newest": plans.iloc[-1] if len(plans) else None,
            }
        )
    return found


_rows = st.lists(
    st.tuples(
        st.one_of(st.none(), st.sampled_from(["a", "b", "Zoë", "顧客"])),
        st.one_of(st.none(), st.integers(0, 40).map(lambda hours: START + hours * 6 * timedelta(hours=1))),
        st.one_of(st.none(), st.floats(-1e6, 1e6)),
        st.one_of(st.none(), st.sampled_from(["gold", "free", ""])),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(_rows)
def test_rows_equal_those_of_a_plain_reckoning(rows: list[Any]) -> None:
    table = _table(rows)
    made = view_rows(VIEW, table, created=START).drop_columns(["created_timestamp"]).to_pylist()
    expected = _reference(table)
    made.sort(key=lambda row: (row["customer"], row["event_timestamp"]))
    assert [row["customer"] for row in made] == [row["customer"] for row in expected]
    for row, wanted in zip(made, expected, strict=True):
        for name in ("event_timestamp", "rows", "known", "newest"):
            assert row[name] == wanted[name]
        assert row["plan"] == (None if pd.isna(wanted["plan"]) else wanted["plan"])
        for name in ("total", "average"):
            assert row[name] == (None if wanted[name] is None else pytest.approx(wanted[name], abs=1e-6))


def test_a_window_has_its_own_moment_in_it_and_not_the_one_that_it_is_long_ago() -> None:
    table = _table(
        [("a", START, 1.0, None), ("a", START + DAY, 2.0, None), ("a", START + 2 * DAY, 4.0, None)]
    )
    assert view_rows(VIEW, table, created=START).column("average").to_pylist() == [1.0, 2.0, 4.0]


def test_a_sum_does_not_depend_on_what_came_before_its_window() -> None:
    small = [("a", START + day * DAY, 0.1, None) for day in range(20, 25)]
    alone = view_rows(VIEW, _table(small), created=START).column("total").to_pylist()
    after = view_rows(VIEW, _table([("a", START, 1e18, None), *small]), created=START)
    assert after.column("total").to_pylist()[1:] == alone


def test_of_two_rows_of_one_moment_the_later_one_gives_the_fields_and_both_are_summed() -> None:
    table = _table([("a", START, 1.0, "free"), ("a", START, 2.0, "gold")])
    (row,) = view_rows(VIEW, table, created=START).to_pylist()
    assert (row["plan"], row["newest"], row["total"], row["rows"]) == ("gold", "gold", 3.0, 2)


def test_an_entity_of_two_columns_keeps_its_pairs_apart() -> None:
    view = View("m", "v", ("shop", "till"), "at", "m", windows=(Window("n", "count", None, DAY),))
    table = pa.table({"shop": ["1", "11", "1"], "till": ["11", "1", "11"], "at": pa.array([START] * 3, TIME)})
    rows = view_rows(view, table, created=START).to_pylist()
    assert sorted((row["shop"], row["till"], row["n"]) for row in rows) == [("1", "11", 2), ("11", "1", 1)]


def test_moments_of_many_centuries_and_many_entities_do_not_overflow() -> None:
    ages = [datetime(1700, 1, 1, tzinfo=UTC), datetime(2250, 1, 1, tzinfo=UTC)]
    rows = [(str(number), moment, 1.0, None) for number in range(200) for moment in ages]
    assert set(view_rows(VIEW, _table(rows), created=START).column("total").to_pylist()) == {1.0}


def test_the_newest_row_is_that_of_the_moment_and_of_two_for_it_the_later_learned() -> None:
    first = view_rows(VIEW, _table([("a", START, 1.0, "free"), ("b", START, 1.0, None)]), created=START)
    second = view_rows(VIEW, _table([("a", START, 1.0, "gold")]), created=START + DAY)
    third = view_rows(VIEW, _table([("a", START + 9 * DAY, 1.0, "late")]), created=START)
    rows = latest(VIEW, pa.concat_tables([third, second, first]), START + DAY).to_pylist()
    assert {row["customer"]: row["plan"] for row in rows} == {"a": "gold", "b": None}


def test_a_source_without_a_needed_column_is_named() -> None:
    assert output_kinds(VIEW, {"customer": "text", "plan": "category", "amount": "number"}) == {
        "customer": "text",
        "plan": "category",
        "rows": "integer",
        "known": "integer",
        "total": "number",
        "average": "number",
        "newest": "category",
    }
    with pytest.raises(KeyError, match="amount"):
        output_kinds(VIEW, {"customer": "text", "plan": "category"})
