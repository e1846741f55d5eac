"""The slices of a holdout: the rows that share a value of a column, or a quarter of its range."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.tables import factorise, numbers, times

MAX_VALUES = 20
_QUARTERS = (0.25, 0.5, 0.75)


def slices_of(table: pa.Table, column: str) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield (value, rows [N]) for a column.

    Categories, booleans and whole numbers with few values give a slice a value, the commonest
    `MAX_VALUES` of them; other numbers and times give four of about equal size. A missing value is a slice.
    """
    found = table.column(column)
    if pa.types.is_timestamp(found.type):
        timestamps = times(found)
        seconds = np.where(np.isnat(timestamps), np.nan, timestamps.astype(np.int64) / 1e6)
        yield from _quarters(seconds, as_time=True)
    elif pa.types.is_floating(found.type):
        yield from _quarters(numbers(found), as_time=False)
    else:
        factors = factorise(found)
        if pa.types.is_integer(found.type) and len(factors.labels) > MAX_VALUES:
            yield from _quarters(numbers(found), as_time=False)
            return
        counts = np.bincount(factors.codes, minlength=len(factors.labels))
        for code in np.argsort(-counts, kind="stable")[:MAX_VALUES]:
            label = factors.labels[code]
            yield "(missing)" if label is None else label, factors.codes == code


def _quarters(values: NDArray[np.float64], *, as_time: bool) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    missing = np.isnan(values)
    known = values[~missing]
    if len(known):
        edges = np.unique([known.min(), *np.quantile(known, _QUARTERS), known.max()])
        for low, high in pairwise(edges):
            last = high == edges[-1]
            inside = (values >= low) & ((values <= high) if last else (values < high))
            yield f"[{_name(low, as_time)}, {_name(high, as_time)}{']' if last else ')'}", inside
        if len(edges) == 1:
            yield _name(edges[0], as_time), values == edges[0]
    if missing.any():
        yield "(missing)", missing


def _name(value: float, as_time: bool) -> str:
    return str(np.datetime64(int(value), "s")) if as_time else f"{value:.6g}"
