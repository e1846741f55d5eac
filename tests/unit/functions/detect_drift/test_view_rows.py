"""Rows of a view are compared like with like: busy customers and overlapping windows raise no alarm."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from functions.detect_drift.compare import conclude, run_tests
from functions.detect_drift.independent import Thinning
from functions.detect_drift.logic import Policy, Status
from functions.detect_drift.tables import reference_table
from functions.detect_drift.view_check import apart
from functions.detect_drift.view_rows import Samples, samples_of
from pipelines.features.aggregation import view_rows
from pipelines.features.view import EVENT_TIMESTAMP, View, Window

WEEK, DAY = timedelta(days=7), timedelta(days=1)
VIEW = View(
    "shop",
    "activity",
    ("customer",),
    "at",
    "shop",
    fields=("amount",),
    windows=(Window("bought", "count", None, WEEK), Window("spent", "sum", "amount", WEEK)),
)
START = datetime(2026, 1, 1, tzinfo=UTC)
TRAINED = 60
"""Days that the champion knows."""
KINDS = {"amount": "number", "bought": "number", "spent": "number"}


def purchases(days: int, seed: int, more_from: int | None = None) -> pa.Table:
    """Return purchases of customers of whom some always buy more often, and dearer, than others."""
    rng = np.random.default_rng(seed)
    often = rng.gamma(0.5, 2.0, 500)
    dear = rng.gamma(2.0, 20.0, 500)
    customers, moments, amounts = [], [], []
    for day in range(days):
        factor = 4.0 if more_from is not None and day >= more_from else 1.0
        who = np.repeat(np.arange(500), rng.poisson(often * factor))
        customers.append(who)
        moments.append(day * 86_400_000_000 + rng.integers(0, 86_400_000_000, len(who)))
        amounts.append(rng.gamma(4.0, dear[who] / 4))
    at = np.concatenate(moments) + int(START.timestamp() * 10**6)
    order = np.argsort(at)
    return pa.table(
        {
            "customer": np.concatenate(customers)[order],
            "at": pa.array(at[order], pa.int64()).cast(pa.timestamp("us", tz="UTC")),
            "amount": np.concatenate(amounts)[order],
        }
    )


def samples(table: pa.Table, day: int) -> Samples:
    """Compare the rows of a day with those of the first days, as a materialisation of that day would."""
    known = view_rows(VIEW, _between(table, 0, TRAINED), created=START + TRAINED * DAY)
    until = view_rows(VIEW, _between(table, 0, day + 1), created=START + (day + 1) * DAY)
    new = until.filter(pc.greater_equal(until.column(EVENT_TIMESTAMP), pa.scalar(START + day * DAY)))
    stored = pa.concat_tables([known, new])
    found = samples_of(VIEW, stored, new, learned_by=START + TRAINED * DAY, seed="ab" * 32)
    assert found is not None
    return found


def _between(table: pa.Table, first: int, last: int) -> pa.Table:
    at = table.column("at")
    inside = pc.and_(
        pc.greater_equal(at, pa.scalar(START + first * DAY)), pc.less(at, pa.scalar(START + last * DAY))
    )
    return table.filter(inside)


def status(found: Samples, window: int, current: pa.Table | None = None) -> Status:
    """Judge both sides as detect_drift does."""
    reference = reference_table(found.reference, KINDS, scored=False)
    rows = found.current if current is None else current
    tested, every = apart(rows, lambda each: reference_table(each, KINDS, scored=False))
    policy = Policy(min_rows=100)
    detection = run_tests(reference, tested, detector="scipy_tabular", policy=policy, rows=found.rows)
    _, checked = conclude(
        reference,
        tested,
        detection,
        policy=policy,
        window=window,
        rows=found.rows,
        thinning=Thinning(0, every),
    )
    return checked.status


def test_days_like_those_before_raise_no_alarm_though_the_busy_have_more_rows() -> None:
    table = purchases(TRAINED + 8, seed=1)
    found = [samples(table, TRAINED + day) for day in range(8)]
    assert [status(each, window) for window, each in enumerate(found, 1)] == [Status.STABLE] * 8

    # The rows as they lie in the store: the reference has many of whoever buys often.
    every_row = Samples(
        view_rows(VIEW, _between(table, 0, TRAINED), created=START), found[0].current, found[0].rows
    )
    assert status(every_row, 1) is Status.DRIFTED


def test_customers_who_buy_four_times_as_often_are_found() -> None:
    found = samples(purchases(TRAINED + 8, seed=2, more_from=TRAINED), TRAINED + 7)
    assert status(found, 1) is Status.DRIFTED


def test_of_each_entity_one_row_counts_in_each_stretch_as_long_as_the_new_rows() -> None:
    found = samples(purchases(TRAINED + 1, seed=3), TRAINED)
    customers = found.current.column("customer").to_pylist()
    assert len(customers) == len(set(customers))
    assert found.rows > len(customers)
    days = pc.floor_temporal(found.reference.column(EVENT_TIMESTAMP), unit="day").to_pylist()
    assert min(days) >= START + WEEK  # windows of the first week are not whole
    assert max(days) < START + TRAINED * DAY


def test_rows_that_the_champion_knew_are_not_new() -> None:
    table = view_rows(VIEW, purchases(3, seed=4), created=START + 3 * DAY)
    assert samples_of(VIEW, table, table, learned_by=START + 3 * DAY, seed="ab" * 32) is None
    assert samples_of(VIEW, table, table, learned_by=START + 2 * DAY, seed="ab" * 32) is None
    later = view_rows(VIEW, purchases(4, seed=4), created=START + 4 * DAY)
    assert samples_of(
        VIEW, pa.concat_tables([table, later]), later, learned_by=START + 3 * DAY, seed="ab" * 32
    )
