"""How often new rows of a feature view raise a false alarm, materialisation after materialisation.

A view of purchases: customers differ in how much they buy, and busy ones spend otherwise; a field and two
windows of seven days, which overlap. Rows, windows, both sides, tests and decision are the functions' own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
import pyarrow as pa

from benchmarks.simulations.figures import Figure
from functions.detect_drift.compare import conclude, run_tests
from functions.detect_drift.drift_check import apart
from functions.detect_drift.logic import Policy, Status
from functions.detect_drift.tables import reference_table, with_few_values
from functions.detect_drift.view_rows import samples_of
from pipelines.features.aggregation import TIME, microseconds, view_rows
from pipelines.features.view import CREATED_TIMESTAMP, EVENT_TIMESTAMP, View, Window

Rule = Literal["every row", "as it is"]
"""Which rows are tested: all of them, or those that may be taken for independent."""

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)
VIEW = View(
    "purchases",
    "activity",
    ("customer",),
    "at",
    "purchases",
    fields=("balance",),
    windows=(Window("spent", "sum", "amount", WEEK), Window("bought", "count", None, WEEK)),
)
KINDS = {"balance": "number", "spent": "number", "bought": "integer"}


@dataclass(frozen=True, slots=True)
class Series:
    """A view that a champion was trained with after `known` days, and a materialisation each day since."""

    customers: int = 1_500
    a_day: float = 0.6
    known: int = 14
    days: int = 10
    shift: float = 0.0


def first_alarm(series: Series, rule: Rule, rng: np.random.Generator) -> int | None:
    """Return the first materialisation with an alarm; `shift` moves the balance by so many deviations."""
    rows = view_rows(VIEW, _purchases(series, rng), created=START)
    day = (microseconds(rows.column(EVENT_TIMESTAMP)) - _microseconds(START)) // (
        DAY // timedelta(microseconds=1)
    )
    learned = pa.array(_microseconds(START) + (day + 1) * (DAY // timedelta(microseconds=1)), pa.int64())
    rows = rows.set_column(rows.column_names.index(CREATED_TIMESTAMP), CREATED_TIMESTAMP, learned.cast(TIME))
    stored = rows.filter(pa.array(day < series.known))
    for window in range(1, series.days + 1):
        new = rows.filter(pa.array(day == series.known + window - 1))
        if _alarms(rule, window, stored, new, learned_by=START + series.known * DAY, rng=rng):
            return window
    return None


def _alarms(
    rule: Rule,
    window: int,
    stored: pa.Table,
    new: pa.Table,
    *,
    learned_by: datetime,
    rng: np.random.Generator,
) -> bool:
    policy = Policy()
    if rule == "every row":
        known, fresh, rows = stored, new, new.num_rows
    else:
        samples = samples_of(VIEW, stored, new, learned_by=learned_by, seed=rng.bytes(8).hex())
        if samples is None:
            return False
        known, fresh, rows = samples.reference, samples.current, samples.rows
    kinds = with_few_values(KINDS, known)
    reference = reference_table(known, kinds, scored=False)
    current, _ = apart(fresh, lambda part: reference_table(part, kinds, scored=False))
    detection = run_tests(reference, current, detector="scipy_tabular", policy=policy, rows=rows)
    _, checked = conclude(reference, current, detection, policy=policy, window=window, rows=rows)
    return checked.status is Status.DRIFTED


def _purchases(series: Series, rng: np.random.Generator) -> pa.Table:
    """Return the rows of all days, in order of time."""
    days = series.known + series.days
    level = rng.normal(size=series.customers)
    rates = series.a_day * np.exp(
        0.7 * level - 0.245
    )  # the mean is a_day; busy customers are those of high level
    counts = rng.poisson(np.broadcast_to(rates[:, None], (series.customers, days)))
    customer = np.repeat(np.arange(series.customers), counts.sum(axis=1))
    day = np.concatenate([np.repeat(np.arange(days), each) for each in counts])
    moments = _microseconds(START) + ((day + rng.random(len(day))) * 86_400e6).astype(np.int64)
    order = np.argsort(moments, kind="stable")
    customer, day, moments = customer[order], day[order], moments[order]
    moved = series.shift * np.sqrt(2) * (day >= series.known)
    return pa.table(
        {
            "customer": customer,
            "at": pa.array(moments, pa.int64()).cast(TIME),
            "balance": level[customer] + rng.normal(size=len(day)) + moved,
            "amount": np.exp(3 + 0.5 * level[customer] + 0.5 * rng.normal(size=len(day))),
        }
    )


def _microseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000


def share(series: Series, rule: Rule, *, runs: int, seed: int) -> tuple[float, list[int]]:
    """Return the share of series with an alarm, and the materialisations they came at."""
    rng = np.random.default_rng(seed)
    found = [first_alarm(series, rule, rng) for _ in range(runs)]
    windows = [window for window in found if window is not None]
    return len(windows) / runs, windows


def figures(*, seed: int, scale: float) -> list[Figure]:
    """Return the table of feature views; `scale` 1 is 60 series for the rule itself."""
    n = max(int(60 * scale), 3)
    few = max(n // 3, 3)
    rows = []
    for rule, runs, name in (
        ("as it is", n, "the rule"),
        ("every row", few, "every row of both sides tested"),
    ):
        alarms, _ = share(Series(), rule, runs=runs, seed=seed)  # type: ignore[arg-type]
        rows.append(Figure(f"no drift; {name}: any alarm", f"{alarms:.1%}", _of(runs)))
    found, windows = share(Series(shift=0.2), "as it is", runs=few, seed=seed)
    when = f", at materialisation {max(windows)} at the latest" if windows else ""
    rows.append(Figure("a field shifted by 0.2 sd: found", f"{found:.1%}{when}", _of(few)))
    return rows


def _of(runs: int) -> str:
    return f"{runs:,} series of 10 materialisations, 3 features, some 900 rows"
