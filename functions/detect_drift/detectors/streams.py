"""Goes through a window row by row with one of alibi-detect's detectors on streams.

Such a detector has no p-value: it is set to a number of rows between two false alarms. It keeps the
last few dozen rows of the window.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from functions.detect_drift.columns import MIN_VALUES, Column, Floats, Kind, Pair, Table, Untested, pairs
from functions.detect_drift.detection import Test
from functions.detect_drift.effects import effect

# A stream takes rows whole; a column that would cost more rows than this is left out instead.
_MOST_MISSING = 0.2
# Streams that are simulated to set the thresholds, for each row of the expected run.
STREAMS_PER_RUN = 10

Read = Callable[[Pair, Column], Floats]


@dataclass(frozen=True, slots=True, eq=False)
class Streams:
    """Several columns, row by row, without the rows that miss a value of them.

    Attributes:
        pairs: the columns; none when none can be streamed.
        untested: the others.
        reference: shape (n, k).
        current: shape (m, k).
        rows: the window's row number of each row of `current`, shape (m,).
    """

    pairs: tuple[Pair, ...]
    untested: tuple[Untested, ...]
    reference: Floats
    current: Floats
    rows: npt.NDArray[np.int64]


def streams(
    reference: Table,
    current: Table,
    *,
    kinds: Sequence[Kind],
    read: Read,
    reason_untested: Callable[[Pair], str | None] = lambda pair: None,
) -> Streams:
    """Put the columns that can be streamed side by side.

    Args:
        read: a column's values of every row as numbers, NaN where missing.
        reason_untested: why a column cannot be streamed.
    """
    chosen: list[Pair] = []
    untested: list[Untested] = []
    for pair in pairs(reference, current, kinds):
        if isinstance(pair, Untested):
            untested.append(pair)
        elif (reason := reason_untested(pair) or _reason_untested(pair)) is not None:
            untested.append(Untested(pair.name, reason))
        else:
            chosen.append(pair)
    ours = _as_matrix([read(pair, pair.current) for pair in chosen])
    theirs = _as_matrix([read(pair, pair.reference) for pair in chosen])
    whole = _complete(ours)
    if chosen and min(int(whole.sum()), int(_complete(theirs).sum())) < MIN_VALUES:
        reason = "too few rows have a value of every streamed column"
        untested += [Untested(pair.name, reason) for pair in chosen]
        chosen = []
    return Streams(
        tuple(chosen),
        tuple(untested),
        theirs[_complete(theirs)],
        ours[whole],
        np.flatnonzero(whole),
    )


def run_stream(method: str, detector: Any, data: Streams) -> tuple[Test, ...]:
    """Give the detector every row, and return one test for each column.

    A test's statistic and threshold are those of the first row that exceeded, else of the last row.

    Args:
        detector: one of alibi-detect's, set to the streams' reference.
    """
    columns = len(data.pairs)
    first: list[int | None] = [None] * columns
    statistic, threshold = np.zeros(columns), np.full(columns, np.inf)
    for number, row in zip(data.rows, data.current, strict=True):
        seen = detector.predict(row)["data"]
        windows = np.asarray(seen["test_stat"], dtype=float)
        now = np.max(np.where(np.isnan(windows), -np.inf, windows), axis=0)
        limit = np.broadcast_to(np.asarray(seen["threshold"], dtype=float), (columns,))
        for place in np.flatnonzero(np.isfinite(now)):
            if first[place] is None:
                statistic[place], threshold[place] = now[place], limit[place]
                first[place] = int(number) if now[place] > limit[place] else None
    found = zip(data.pairs, statistic.tolist(), threshold.tolist(), first, strict=True)
    return tuple(_test(method, *each) for each in found)


def _test(method: str, pair: Pair, statistic: float, threshold: float, row: int | None) -> Test:
    size = effect(pair)
    return Test(pair.name, method, statistic, None, size.value, size.name, threshold, row)


def _reason_untested(pair: Pair) -> str | None:
    if any(side.missing > _MOST_MISSING * side.rows for side in (pair.reference, pair.current)):
        return "too many values are missing for a stream"
    return None


def _as_matrix(columns: list[Floats]) -> Floats:
    return np.column_stack(columns) if columns else np.empty((0, 0))


def _complete(rows: Floats) -> npt.NDArray[np.bool_]:
    return np.asarray(~np.isnan(rows).any(axis=1))
