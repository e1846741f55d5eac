"""Which rows of new data a test may take for independent: one of each entity, none twice, neighbours apart.

Tests for drift take rows for a fair sample. Of rows that come twice, of one customer's many, or of a slow
process, fewer count than there are, and small differences would look certain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from functions.detect_drift.columns import Column, Floats, Table
from pipelines.serial_dependence import independent_length, series_of

_MOSTLY_UNLIKE = 0.95
_ERRORS = 4.0
"""So many columns are looked at that fewer standard errors would find dependence by chance."""
_MOST_COLUMNS = 200


@dataclass(frozen=True, slots=True)
class Thinning:
    """How many rows were left out because they repeat, and that of the rest every so-many-th was tested."""

    repeats: int = 0
    every: int = 1


NOTHING_LEFT_OUT = Thinning()


def without_repeats(data: pa.Table, names: list[str], *, entity: str | None, unlike: bool) -> pa.Table:
    """Return the rows without those that say nothing new, in their order.

    Args:
        names: of the features' columns.
        entity: column that says whom a row is about: the first row of each counts. None: rows that are equal
            in all features count once, if `unlike`.
        unlike: rows hardly repeat in the reference.
    """
    if entity is not None and entity in data.column_names and data.column(entity).null_count < data.num_rows:
        return data.take(pa.array(_first_of_each([data.column(entity)], skip_missing=True)))
    present = _present(data, names)
    return data.take(pa.array(_first_of_each(present))) if unlike and present else data


def rows_are_unlike(reference: pa.Table, names: list[str]) -> bool:
    """Say whether rows hardly repeat, by all their features."""
    present = _present(reference, names)
    if not present or not reference.num_rows:
        return False
    return bool(len(_first_of_each(present)) >= _MOSTLY_UNLIKE * reference.num_rows)


def _present(data: pa.Table, names: list[str]) -> list[pa.ChunkedArray]:
    held = set(data.column_names)
    return [data.column(name) for name in names if name in held]


def rows_apart(current: Table) -> int:
    """Return how far apart rows must be to be nearly independent in every column; 1: they are neighbours.

    Where blocks of so many rows are nearly independent, single rows as far apart are not: it is twice that.
    """
    columns = list(current.values())[:_MOST_COLUMNS]
    length = max((independent_length(series_of(_series(each)), _ERRORS) for each in columns), default=1)
    return 1 if length == 1 else 2 * length


def every_nth(data: pa.Table, n: int) -> pa.Table:
    """Return every n-th row."""
    return data if n == 1 else data.take(pa.array(np.arange(0, data.num_rows, n)))


def _first_of_each(columns: list[pa.ChunkedArray], *, skip_missing: bool = False) -> npt.NDArray[np.int64]:
    """Return the places of the first row of each kind; with `skip_missing`, of all without a value too."""
    codes = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        encoded = pc.dictionary_encode(column.combine_chunks(), null_encoding="encode")
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.combine_chunks()
        own = encoded.indices.to_numpy(zero_copy_only=False)
        codes = np.unique(codes * (int(own.max(initial=0)) + 1) + own, return_inverse=True)[1]
    first = np.unique(codes, return_index=True)[1]
    if skip_missing:
        first = np.union1d(first, np.flatnonzero(columns[0].is_null().to_numpy()))
    return np.sort(first)


def _series(column: Column) -> list[float]:
    """Return a column as numbers in [-1, 1] with a mean of about 0; what is missing is in the middle."""
    if column.kind == "number":
        values = column.values.astype(np.float64)
        known = values[~np.isnan(values)]
        if not len(known):
            return []
        order = np.searchsorted(np.sort(known), values, side="left") / len(known)  # ranks: no tail decides
        ranks: Floats = np.where(np.isnan(values), 0.5, order)
        return [float(each) for each in 2 * ranks - 1]
    texts, counts = np.unique(column.categories.astype(str), return_counts=True)
    if not len(texts):
        return []
    most = texts[counts.argmax()]
    return [1.0 if value is not None and str(value) == most else 0.0 for value in column.values]
