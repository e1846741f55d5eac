"""Rows of a file as they were read, and those of their cells that are bad."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.values.arrays import Mask

__all__ = ["MAX_TEXT", "BadCells", "Batch", "Mask", "Rows", "bad_cells_at"]

Rows = npt.NDArray[np.int64]

MAX_TEXT = 200


@dataclass(frozen=True)
class BadCells:
    """Bad cells of one column with one reason: their rows' numbers in the file and their values as text."""

    column: str
    reason: str
    rows: Rows
    values: list[str | None]


@dataclass(frozen=True)
class Batch:
    """Some rows of a file: columns as they were read, by name, and each row's number in the file."""

    columns: Mapping[str, pa.Array]
    numbers: Rows
    unreadable: tuple[BadCells, ...] = ()
    """Rows that could not be read at all (ragged, no JSON); they are not among `numbers`."""


def bad_cells_at(column: str, reason: str, array: pa.Array, mask: Mask, numbers: Rows) -> BadCells:
    """Build the bad cells that a mask marks in a column of a batch."""
    where = np.flatnonzero(mask)
    found = array.take(pa.array(where))
    if pa.types.is_dictionary(found.type):
        found = found.dictionary_decode()
    texts = found if pa.types.is_string(found.type) else found.cast(pa.string())
    return BadCells(column, reason, numbers[where], [_short(text) for text in texts.to_pylist()])


def _short(text: str | None) -> str | None:
    return text if text is None or len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
