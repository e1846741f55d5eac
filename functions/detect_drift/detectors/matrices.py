"""All columns as one matrix, for detectors that test them together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from functions.detect_drift.columns import Floats, Pair, Table, Untested, pairs
from functions.detect_drift.effects import Effect, effect
from pipelines.encoding.plain import Frequent, Standard

# Kernel methods take time and memory by the square of the rows.
MAX_ROWS = 2_000

Singles = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Matrices:
    """Both sides as matrices of the same columns, standardised by the reference.

    Attributes:
        reference: shape (n, k).
        current: shape (m, k).
        largest: the largest effect of a single column.
        untested: columns that are in neither.
    """

    reference: Singles
    current: Singles
    largest: Effect
    untested: tuple[Untested, ...]


def matrices(reference: Table, current: Table, *, seed: int, max_rows: int = MAX_ROWS) -> Matrices | None:
    """Make the matrices, of at most `max_rows` random rows each; None when no column can be tested.

    A missing number becomes the reference's median; where any are missing, a column says so. A category
    becomes one column for each of the reference's 20 most frequent values.
    """
    left, right, effects, untested = [], [], [], []
    for pair in pairs(reference, current):
        if isinstance(pair, Untested):
            untested.append(pair)
            continue
        effects.append(effect(pair))
        ours, theirs = _numbers(pair) if pair.reference.kind == "number" else _categories(pair)
        left.append(ours)
        right.append(theirs)
    if not left:
        return None
    rng = np.random.default_rng(seed)
    return Matrices(
        _sample(np.concatenate(left, axis=1), max_rows, rng),
        _sample(np.concatenate(right, axis=1), max_rows, rng),
        max(effects, key=lambda each: each.value),
        tuple(untested),
    )


def _numbers(pair: Pair) -> tuple[Floats, Floats]:
    scale = Standard.of(pair.reference.numbers)
    columns = []
    for column in (pair.reference, pair.current):
        values = column.values.astype(np.float64)
        missing = [np.isnan(values)] if pair.reference.missing or pair.current.missing else []
        columns.append([scale.encode(values), *missing])
    return np.column_stack(columns[0]).astype(float), np.column_stack(columns[1]).astype(float)


def _categories(pair: Pair) -> tuple[Floats, Floats]:
    frequent = Frequent.of(pair.reference.categories.tolist())
    return frequent.encode(pair.reference.values.tolist()), frequent.encode(pair.current.values.tolist())


def _sample(rows: Floats, most: int, rng: np.random.Generator) -> Singles:
    if len(rows) > most:
        rows = rows[np.sort(rng.choice(len(rows), most, replace=False))]
    return rows.astype(np.float32)
