"""Whether rows without timestamps come in an order that matters: does what is known of some tell of the next?

Where they do, a holdout of rows from everywhere promises too much: its neighbours were learnt from. A tree
is fitted to each of two random halves of the rows and predicts the other. Of rows in no order, it errs to
either side alike whatever the rows beside are, even if those are sorted by a feature. Where neighbours err to
the same side beyond chance (serial_dependence.py), the rows have an order; and where a tree of the older half
predicts the newer one worse than a tree of rows from everywhere.

Where the size of the errors changes for good, what is to be learnt has changed: from there on it is another
world, of which a training must see something too.

Rows that are sorted by their target have no order of arrival that could be told, and the newest of them would
be of one class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.serial_dependence import independent_length, series_of
from pipelines.tables import factorise, numbers, times
from pipelines.windows import last_change

LEAST_ROWS = 500
MOST_ROWS = 6_000
"""The newest are looked at."""
_ERRORS = 3.5
_SORTED = 0.02
_MOST_COLUMNS = 100

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Order:
    """Whether rows have an order, and how it was told, in a sentence.

    `change` is the first row since the last change of what is to be learnt; 0 where none shows.
    """

    found: bool
    why: str
    change: int = 0


def order_of(table: pa.Table, target: str, features: list[tuple[str, str]], *, classes: bool) -> Order:
    """Tell whether the rows of a table of canonical columns have an order.

    Args:
        target: known in every row.
        features: names and kinds.
        classes: the target is one of classes.
    """
    rows = table.num_rows
    if rows < LEAST_ROWS:
        return Order(False, f"{rows} rows are too few to tell whether they have an order")
    skipped = max(0, rows - MOST_ROWS)
    table = table.slice(skipped)
    answer = _codes(table.column(target)) if classes else numbers(table.column(target)).astype(np.float64)
    if _is_sorted(answer, classes=classes):
        return Order(False, f"the rows are sorted by '{target}', which is no order of arrival")
    if classes:
        answer = (answer == np.bincount(answer.astype(np.int64)).argmax()).astype(np.float64)
    tested = [(name, kind) for name, kind in features if kind != "text"][:_MOST_COLUMNS]
    columns = [_column(table.column(name), kind) for name, kind in tested]
    if not columns:
        return Order(False, "there is no column but free text to tell by whether the rows have an order")
    matrix = np.column_stack(columns)
    half = np.random.default_rng(0).permutation(len(answer)) % 2 == 0
    errors = np.where(half, _errors(matrix, answer, ~half), _errors(matrix, answer, half))
    what = f"errors of a tree on {len(answer)} rows"
    found = last_change(np.abs(errors))
    change = 0 if found is None else skipped + found
    spread = float(np.quantile(np.abs(errors), 0.99)) or 1.0  # so that no single one decides
    reach = independent_length(series_of(np.clip(errors / spread, -1, 1).tolist()), _ERRORS)
    if reach > 1:
        return Order(True, f"{what} depend on those of up to {reach} rows before", change)
    newer = np.arange(len(answer)) >= len(answer) // 2
    if not any(_is_monotone(each) for each in columns):
        lost = _errors(matrix, answer, ~newer)[newer] ** 2 - errors[newer] ** 2
        if lost.mean() > _ERRORS * (lost.std() / np.sqrt(len(lost))):
            why = f"{what} are larger on the newer half where it learnt from the older alone"
            return Order(True, why, change)
    return Order(False, f"{what} do not depend on those of the rows before")


def _is_sorted(answer: Floats, *, classes: bool) -> bool:
    if not classes:
        return _is_monotone(answer)
    shares = np.bincount(answer.astype(np.int64)) / len(answer)
    expected = (len(answer) - 1) * (1 - float((shares**2).sum()))
    return float(np.count_nonzero(np.diff(answer))) <= _SORTED * expected


def _column(column: pa.ChunkedArray, kind: str) -> Floats:
    if kind in ("number", "integer"):
        values = numbers(column).astype(np.float64)
        return np.where(np.isfinite(values), values, np.nan)
    if kind == "datetime":
        return times(column).astype(np.int64).astype(np.float64)
    return _codes(column)


def _codes(column: pa.ChunkedArray) -> Floats:
    return np.asarray(factorise(column).codes, dtype=np.float64)


def _is_monotone(values: Floats) -> bool:
    steps = np.diff(values[~np.isnan(values)])
    if not np.any(steps):
        return False
    return bool(max(np.mean(steps >= 0), np.mean(steps <= 0)) >= 1 - _SORTED)


def _errors(matrix: Floats, answer: Floats, fitted: NDArray[np.bool_]) -> Floats:
    """Return how far each answer lies above what a tree says that was fitted to some of the rows, [N]."""
    from sklearn.tree import DecisionTreeRegressor

    tree = DecisionTreeRegressor(min_samples_leaf=max(20, len(answer) // 200), random_state=0)
    return np.asarray(answer - tree.fit(matrix[fitted], answer[fitted]).predict(matrix))
