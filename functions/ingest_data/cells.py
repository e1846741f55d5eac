"""Cells that are not what they should be: which row and column, what stands there, and why it is bad."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]

MAX_TEXT = 200


@dataclass(frozen=True)
class BadCells:
    """Bad cells of one column with one reason: their rows' numbers in the file and their values as text."""

    column: str
    reason: str
    rows: Rows
    values: list[str | None]


@dataclass
class Reason:
    """How often a reason was met in a column, and the first cell as an example."""

    count: int
    row: int
    value: str | None


@dataclass
class Tally:
    """Counts bad cells by (column, reason)."""

    reasons: dict[tuple[str, str], Reason] = field(default_factory=dict)

    def add(self, cells: BadCells) -> None:
        """Count some bad cells."""
        if not len(cells.rows):
            return
        known = self.reasons.get((cells.column, cells.reason))
        if known is None:
            first = Reason(len(cells.rows), int(cells.rows[0]), cells.values[0])
            self.reasons[(cells.column, cells.reason)] = first
        else:
            known.count += len(cells.rows)

    def most_common(self) -> list[tuple[str, str, Reason]]:
        """Return (column, reason, count and example), the most frequent first."""
        counts = Counter({key: reason.count for key, reason in self.reasons.items()})
        ordered = sorted(counts, key=lambda key: (-counts[key], key))
        return [(column, reason, self.reasons[(column, reason)]) for column, reason in ordered]


def pick(column: str, reason: str, array: pa.Array, mask: Mask, numbers: Rows) -> BadCells:
    """Build the bad cells that a mask marks in a column of a batch."""
    where = np.flatnonzero(mask)
    found = array.take(pa.array(where))
    if pa.types.is_dictionary(found.type):
        found = found.dictionary_decode()
    texts = found if pa.types.is_string(found.type) else found.cast(pa.string())
    return BadCells(column, reason, numbers[where], [_short(text) for text in texts.to_pylist()])


def _short(text: str | None) -> str | None:
    return text if text is None or len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
