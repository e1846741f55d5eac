"""The target: which task it makes, its classes, and its values as numbers a model can be fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.card import Class
from pipelines.errors import StepError
from pipelines.metrics import Task
from pipelines.spec.task import task_of_numbers

MAX_CLASSES = 200
_LARGEST = 3.0e38


def usable_rows(table: pa.Table, target: str) -> pa.Table:
    """Return the rows whose target is known (and within float32, where it is a number)."""
    known = _usable(table.column(target))
    return table if pc.all(known).as_py() else table.filter(known)


def usable_positions(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """Return the numbers, from 0, of the rows that `usable_rows` keeps."""
    return np.flatnonzero(_usable(column).to_numpy())


def usable_counts(column: pa.ChunkedArray, parts: Sequence[int]) -> list[int]:
    """Count the rows of each part that `usable_rows` keeps; `parts` are the rows of each, in order."""
    before = np.concatenate([[0], np.cumsum(_usable(column).to_numpy(), dtype=np.int64)])
    ends = np.cumsum(parts, dtype=np.int64)
    return [int(n) for n in before[ends] - before[ends - np.asarray(parts, dtype=np.int64)]]


def _usable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    known = pc.is_valid(column)
    if pa.types.is_floating(column.type):
        known = pc.and_(known, pc.fill_null(pc.less(pc.abs(column), _LARGEST), False))
    return known


def infer_task(column: pa.ChunkedArray) -> Task:
    """Tell the task from a target column's type and number of distinct values."""
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        return "classification"
    distinct = pc.unique(column).drop_null()
    integer = pa.types.is_integer(column.type)
    whole = integer or pc.all(pc.equal(distinct, pc.floor(distinct))).as_py()
    return task_of_numbers(len(distinct), integer=integer, whole=whole)


def classes_of(column: pa.ChunkedArray, name: str) -> list[Class]:
    """Return the distinct classes in order: false before true, numbers by size, texts by code point.

    Raises: StepError when there is one only, or so many that they cannot be classes.
    """
    values = [_plain(value) for value in pc.unique(column).drop_null().to_pylist()]
    if len(values) > MAX_CLASSES:
        raise StepError(
            f"the target '{name}' has {len(values)} distinct values; at most {MAX_CLASSES} can be classes",
            "write `task: regression`, or take a target with fewer classes",
        )
    if len(values) < 2:
        raise StepError(
            f"the target '{name}' has one class only: {values[0]!r}",
            "add rows of another class; there is nothing to tell apart yet",
        )
    return sorted(values)


def _plain(value: Any) -> Class:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def class_indices(column: pa.ChunkedArray, classes: list[Class]) -> NDArray[np.int64]:
    """Return each row's index into `classes`, [N]; -1 for a value that is none of them."""
    position = {value: index for index, value in enumerate(classes)}
    encoded = pc.dictionary_encode(column.combine_chunks(), null_encoding="encode")
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    lookup = np.array([position.get(_plain(v), -1) for v in encoded.dictionary.to_pylist()], dtype=np.int64)
    return np.asarray(lookup[encoded.indices.to_numpy(zero_copy_only=False)])
