"""Tests column by column, each with a test of its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from functions.detect_drift.columns import Floats, Kind, Pair, Table, Untested, pairs
from functions.detect_drift.detection import Detection, Test
from functions.detect_drift.effects import effect

Codes = npt.NDArray[np.int64]
# Statistic and p-value.
Found = tuple[float, float]
TestOf = tuple[str, Callable[[Pair], Found]]

# Below this expected count the chi-square distribution is no good description of a cell.
_LEAST_EXPECTED = 5.0


def each_column(reference: Table, current: Table, tests: Mapping[Kind, TestOf]) -> Detection:
    """Make the test of its kind of every column.

    Args:
        tests: kind to the method's name, and the test: two-sided, of values that are there.
    """
    made, untested = [], []
    for pair in pairs(reference, current, tuple(tests)):
        if isinstance(pair, Untested):
            untested.append(pair)
            continue
        method, test = tests[pair.reference.kind]
        statistic, p_value = test(pair)
        size = effect(pair)
        made.append(Test(pair.name, method, statistic, min(max(p_value, 0.0), 1.0), size.value, size.name))
    return Detection(tuple(made), tuple(untested))


def numbers(pair: Pair) -> tuple[Floats, Floats]:
    """Return the values that are there, reference first."""
    return pair.reference.numbers, pair.current.numbers


def random_ranks(pair: Pair, seed: int) -> tuple[Floats, Floats]:
    """Return the values' ranks among both sides, equal values in random order, reference first.

    A test made for continuous values holds its level on these; on equal values as they are it may not.
    """
    left, right = numbers(pair)
    both = np.concatenate([left, right])
    order = np.lexsort((np.random.default_rng(seed).random(len(both)), both))
    ranks = np.empty(len(both))
    ranks[order] = np.arange(len(both))
    return ranks[: len(left)], ranks[len(left) :]


def codes(pair: Pair) -> tuple[Codes, Codes]:
    """Return the categories as codes from 0, reference first; those too rare for a test share one."""
    left, right = pair.reference.categories, pair.current.categories
    names, positions, found = np.unique(
        np.concatenate([left, right]).astype(str), return_inverse=True, return_counts=True
    )
    share = min(len(left), len(right)) / (len(left) + len(right))
    frequent = np.flatnonzero(found * share >= _LEAST_EXPECTED)
    code = np.full(len(names), len(frequent), dtype=np.int64)
    code[frequent] = np.arange(len(frequent))
    return code[positions[: len(left)]], code[positions[len(left) :]]
