"""How much of the past a training learns from: several windows are tried, and the newest rows choose.

After a change of what is to be learnt a short window is better, without one a long one; no fixed window is
right, and the rows themselves tell. Each window's model is fitted to as many rows as the window has, before
the newest ones, and measured on those, in the order of time; a shorter window is taken only where it is
clearly better there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LENGTHS = (16_000, 4_000, 1_000)
"""Windows beside those of all rows and of the rows since a change, in rows to learn from."""

CLEARLY = 1.5
"""A shorter window must be better by more than so many standard errors."""

SHORTER = 0.8
"""A window that has more than this share of the rows is no other than that of all."""

FOLDS = 2
"""Each row's loss, in which a change shows, is of a model that was fitted without that fold."""

LEAST_ROWS = 100
"""With fewer rows nothing is compared."""

_CHANGED = 4.0  # standard errors between the losses before and after; what is found is only a candidate
_MIN_PART = 40
_LEAST_NEWEST, _MOST_NEWEST = 40, 500
_LEAST_OF_A_CLASS = 5

Losses = NDArray[np.float64]


@dataclass(frozen=True)
class Choice:
    """Which of the windows was chosen, and what each lost on the newest rows, on average."""

    index: int
    means: tuple[float, ...]


def last_change(losses: Losses) -> int | None:
    """Return from where on the losses [N], in the order of time, are of another mean; None: of one.

    Of the most significant change (CUSUM) the rows after it are searched again, until there is none.
    """
    start = 0
    while (found := _change(losses[start:])) is not None:
        start += found
    return start or None


def _change(losses: Losses) -> int | None:
    rows = len(losses)
    spread = float(losses.std()) if rows >= 2 * _MIN_PART else 0.0
    if spread < 1e-9:  # a constant one has that of its rounding
        return None
    before = np.arange(_MIN_PART, rows - _MIN_PART + 1)
    sums = np.cumsum(losses)
    gap = (sums[-1] - sums[before - 1]) / (rows - before) - sums[before - 1] / before
    score = np.abs(gap) / (spread * np.sqrt(1 / before + 1 / (rows - before)))
    best = int(score.argmax())
    return int(before[best]) if score[best] > _CHANGED else None


def newest_rows(rows: int, change: int | None = None) -> int:
    """Return how many of the newest rows measure the windows, which are fitted without them.

    Args:
        rows: how many there are.
        change: of `last_change`.
    """
    wanted = rows // 5 if change is None else (rows - change) // 3
    return max(_LEAST_NEWEST, min(_MOST_NEWEST, wanted))


def lengths(rows: int, *, change: int | None = None, classes: NDArray[Any] | None = None) -> list[int]:
    """Return the windows to try, in rows, the longest first; only one where there are too few rows.

    Args:
        rows: to learn from, in the order of time.
        change: of `last_change`.
        classes: the class of each [N]: a window must have some rows of each class that all of them have.
    """
    newest = newest_rows(rows, change)
    since = [] if change is None else [rows - change]
    shorter = [each for each in sorted({*LENGTHS, *since}, reverse=True) if each <= SHORTER * rows]
    shorter = [each for each in shorter if each >= newest + _LEAST_NEWEST]
    if rows < LEAST_ROWS or classes is None:
        return [rows, *(shorter if rows >= LEAST_ROWS else [])]
    every = np.bincount(classes.astype(np.int64))
    wanted = np.minimum(every, _LEAST_OF_A_CLASS)

    def has_all(length: int) -> bool:
        parts = (fitted_to(rows, length, newest, change), slice(rows - length, rows))
        found = [np.bincount(classes[part].astype(np.int64), minlength=len(every)) for part in parts]
        return all(np.all(each >= wanted) for each in found)

    return [rows, *(each for each in shorter if has_all(each))]


def fitted_to(rows: int, length: int, newest: int, change: int | None = None) -> slice:
    """Return which rows, oldest first, a window's model is fitted to, to be measured on the newest.

    They are as many as the window has, or it would be measured by a model of less than it stands for; but
    none of before a change that the window leaves out.

    Args:
        rows: how many there are.
        length: of the window.
        newest: of `newest_rows`.
        change: of `last_change`.
    """
    first = max(0, rows - newest - length)
    if change is not None and rows - length >= change:
        first = max(first, change)
    return slice(first, rows - newest)


def choose(losses: Sequence[Losses], *, weights: Losses | None = None, clearly: float = CLEARLY) -> Choice:
    """Choose a window by the losses of each window's model on the same newest rows.

    From the longest on, a shorter one takes its place where its loss is lower by more than `clearly`
    standard errors of the mean difference, row by row.

    Args:
        losses: one array [N] for each window, the longest first.
        weights: how much each row counts, [N]; all alike when None.
    """
    if weights is not None:
        losses = [each * weights / weights.mean() for each in losses]
    best = 0
    for index in range(1, len(losses)):
        gain = losses[best] - losses[index]
        if gain.mean() > clearly * gain.std() / math.sqrt(len(gain)):
            best = index
    return Choice(best, tuple(float(each.mean()) for each in losses))
