"""How the training rows are divided to compare experiments: by time, or dealt with rows akin together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

ALWAYS_TRAIN = -1

Folds = NDArray[np.int8]


def folds_by_time(timestamps: NDArray[Any], folds: int) -> Folds:
    """Number the rows by time into `folds` + 1 equal blocks; 0, the oldest, is never validated on."""
    order = np.argsort(timestamps, kind="stable")
    blocks = np.empty(len(timestamps), dtype=np.int8)
    blocks[order] = np.arange(len(timestamps)) * (folds + 1) // max(1, len(timestamps))
    return blocks


def folds_by_class(target: NDArray[Any], folds: int, seed: int, *, classes: bool) -> Folds:
    """Deal the rows into `folds` folds, each class (or each stretch of a numeric target) evenly.

    A class of one row is `ALWAYS_TRAIN`: validating on it would leave none to learn from.
    """
    rng = np.random.default_rng(seed)
    dealt = np.empty(len(target), dtype=np.int8)
    shuffled = rng.permutation(len(target))
    order = shuffled[np.argsort(target[shuffled], kind="stable")]
    dealt[order] = np.arange(len(target)) % folds
    if classes:
        values, counts = np.unique(target, return_counts=True)
        dealt[np.isin(target, values[counts < 2])] = ALWAYS_TRAIN
    return dealt


def folds_by_group(
    target: NDArray[Any], groups: NDArray[np.uint64], folds: int, seed: int, *, classes: bool
) -> Folds | None:
    """Deal groups of rows into at most `folds` folds, each class (or stretch of a numeric target) evenly.

    A group that alone has some class is `ALWAYS_TRAIN`. There are fewer folds where more would leave one
    with a single class.

    Args:
        target: class indices or numbers, [N].
        groups: rows with the same number are in the same fold, [N].

    Returns: each row's fold, whatever the order of the rows; None when two folds cannot be made.
    """
    group = np.unique(groups, return_inverse=True)[1]
    count = int(group.max()) + 1
    shuffled = np.random.default_rng(seed).permutation(count)
    if classes:
        order, kept = _rarest_first(target, group, shuffled)
    else:
        order = np.lexsort((shuffled, np.bincount(group, weights=target) / np.bincount(group)))
        kept = np.zeros(count, dtype=bool)
    for number in range(min(folds, count), 1, -1):
        dealt = np.full(count, ALWAYS_TRAIN, dtype=np.int8)
        dealt[order[~kept[order]]] = np.arange(count - kept.sum()) % number
        if not classes or _two_classes_each(target, dealt[group], number):
            return dealt[group]
    return None


def _rarest_first(
    target: NDArray[Any], group: NDArray[np.int64], shuffled: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Order groups by the rarest class they have, then by their rows of it; mark who alone has a class."""
    count = len(shuffled)
    spread = _groups_with(target, group, count)
    rank = np.argsort(np.argsort(spread, kind="stable"), kind="stable")[target]
    rarest = np.full(count, len(spread), dtype=np.int64)
    np.minimum.at(rarest, group, rank)
    of_rarest = np.bincount(group[rank == rarest[group]], minlength=count)
    kept = np.zeros(count, dtype=bool)
    kept[group[spread[target] < 2]] = True
    return np.lexsort((shuffled, -np.bincount(group), -of_rarest, rarest)), kept


def _groups_with(target: NDArray[Any], group: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Count the groups that have each class, [classes]."""
    pairs = np.unique(target.astype(np.int64) * count + group)
    return np.bincount(pairs // count)


def _two_classes_each(target: NDArray[Any], dealt: Folds, folds: int) -> bool:
    """Whether every round has two classes to learn and two to be measured by."""
    has = [np.bincount(target[dealt == fold], minlength=int(target.max()) + 1) for fold in range(folds)]
    every = np.bincount(target)
    return all(np.count_nonzero(n) > 1 and np.count_nonzero(every - n) > 1 for n in has)


def rounds(folds: Folds, *, ordered: bool) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Yield each round's training and validation rows; in order of time, the past trains for the future."""
    for fold in range(1 if ordered else 0, int(folds.max()) + 1):
        yield (folds < fold) if ordered else (folds != fold), folds == fold
