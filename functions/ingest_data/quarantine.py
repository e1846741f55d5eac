"""Keeps the bad cells of a file as a table, and the report that explains them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from eventing.catalogue import Problem
from functions.ingest_data.cells import BadCells, Tally
from functions.ingest_data.refusal import clip

MAX_RECORDED = 1_000_000
SCHEMA = pa.schema(
    [("row", pa.int64()), ("column", pa.string()), ("value", pa.string()), ("reason", pa.string())]
)


class Quarantine:
    """Collects bad cells on the scratch disk; all are counted, the first million are kept.

    Args:
        path: where the table of bad cells is written when there is one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tally = Tally()
        self.recorded = 0
        self._writer: pq.ParquetWriter | None = None

    def add(self, cells: BadCells) -> None:
        """Add some bad cells."""
        self.tally.add(cells)
        room = MAX_RECORDED - self.recorded
        if room <= 0 or not len(cells.rows):
            return
        rows, values = cells.rows[:room], cells.values[:room]
        columns = [rows, pa.array(values, pa.string()), *(
            pa.repeat(pa.scalar(text), len(rows)) for text in (cells.column, cells.reason)
        )]  # fmt: skip
        row, value, column, reason = columns
        batch = pa.RecordBatch.from_arrays([pa.array(row, pa.int64()), column, value, reason], schema=SCHEMA)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self.path, SCHEMA, compression="zstd")
        self._writer.write_batch(batch)
        self.recorded += len(rows)

    def close(self) -> Path | None:
        """Finish the table; return its path, or None when nothing was bad."""
        if self._writer is None:
            return None
        self._writer.close()
        self._writer = None
        return self.path

    def problems(self) -> list[Problem]:
        """Describe each (column, reason) by its first cell, the most frequent first."""
        return [
            Problem(
                where=f"row {first.row}" + (f", column {clip(column, 80)}" if column else ""),
                problem=reason + _example(first.value) + _more(first.count),
                fix=_FIXES.get(reason, "correct the values, or the rules under schema in model.yaml"),
            )
            for column, reason, first in self.tally.most_common()
        ]

    def summary(self) -> list[dict[str, Any]]:
        """Return every (column, reason) with its count and first cell, for the report."""
        return [
            {"column": column, "reason": reason, "cells": it.count, "first_row": it.row, "example": it.value}
            for column, reason, it in self.tally.most_common()
        ]


_FIXES = {
    "the label is missing": "fill in the target column, or leave such rows out",
    "in the future": "check the clock and the time zone; ingest.clock_skew says how far ahead is taken",
    "before 1970": "check the date format; set min under schema in model.yaml if it is meant",
    "not finite": "leave the cell empty when the value is unknown",
    "the wrong number of fields": "quote fields that contain the delimiter",
    "not a JSON object": "write one JSON object per line",
}


def _example(value: str | None) -> str:
    return "" if value is None else f": {clip(value, 80)!r}"


def _more(count: int) -> str:
    return f" (and {count - 1} more)" if count > 1 else ""
