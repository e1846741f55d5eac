"""Keeps the bad cells of a file as a table, and the report that explains them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from eventing.catalogue import Claim, Problem
from eventing.store import Store
from functions.data_files.json_object import TOO_DEEP
from functions.data_files.refusal import clip
from functions.data_files.rows import BadCells

MAX_RECORDED = 1_000_000
SCHEMA = pa.schema(
    [("row", pa.int64()), ("column", pa.string()), ("value", pa.string()), ("reason", pa.string())]
)


@dataclass
class Reason:
    """How often a reason was met in a column, and the first cell as an example."""

    count: int
    row: int
    value: str | None


class Quarantine:
    """Collects bad cells on the scratch disk; all are counted, the first million are kept.

    Args:
        path: where the table of bad cells is written when there is one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reasons: dict[tuple[str, str], Reason] = {}
        self.recorded = 0
        self._writer: pq.ParquetWriter | None = None

    def add(self, cells: BadCells) -> None:
        """Add some bad cells."""
        if not len(cells.rows):
            return
        first = Reason(0, int(cells.rows[0]), cells.values[0])
        self._reasons.setdefault((cells.column, cells.reason), first).count += len(cells.rows)
        left = MAX_RECORDED - self.recorded
        if left <= 0:
            return
        rows, values = cells.rows[:left], cells.values[:left]
        batch = pa.RecordBatch.from_arrays(
            [
                pa.array(rows, pa.int64()),
                pa.repeat(pa.scalar(cells.column), len(rows)),
                pa.array(values, pa.string()),
                pa.repeat(pa.scalar(cells.reason), len(rows)),
            ],
            schema=SCHEMA,
        )
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

    def _most_common(self) -> list[tuple[str, str, Reason]]:
        """Return (column, reason, count and example), the most frequent first."""
        ordered = sorted(self._reasons.items(), key=lambda item: (-item[1].count, item[0]))
        return [(column, reason, found) for (column, reason), found in ordered]

    def problems(self) -> list[Problem]:
        """Describe each (column, reason) by its first cell, the most frequent first."""
        return [
            Problem(
                where=f"row {first.row}" + (f", column {clip(column, 80)}" if column else ""),
                problem=reason + _example(first.value) + _more(first.count),
                fix=_FIXES.get(reason, "correct the values, or the rules under schema in model.yaml"),
            )
            for column, reason, first in self._most_common()
        ]

    def summary(self) -> list[dict[str, Any]]:
        """Return every (column, reason) with its count and first cell, for the report."""
        return [
            {"column": column, "reason": reason, "cells": it.count, "first_row": it.row, "example": it.value}
            for column, reason, it in self._most_common()
        ]


_FIXES = {
    "the label is missing": "fill in the target column, or allow nullable: true for it under schema",
    "in the future": "check the clock and the time zone; ingest.clock_skew says how far ahead is taken",
    "before 1970": "check the date format; set min under schema in model.yaml if it is meant",
    "not finite": "leave the cell empty when the value is unknown",
    "the wrong number of fields": "quote fields with the delimiter in them; end no row with one",
    "not a JSON object": "write one JSON object per line",
    TOO_DEEP: "write nested values as columns of their own",
}


def _example(value: str | None) -> str:
    return "" if value is None else f": {clip(value, 80)!r}"


def _more(count: int) -> str:
    return f" (and {count - 1} more)" if count > 1 else ""


def store_report(store: Store, model: str, report: Mapping[str, Any], bad_cells: Path | None) -> Claim:
    """Put the report on a file under its digest, and the table of its bad cells beside it."""
    raw = json.dumps(report, ensure_ascii=False, separators=(",", ":")).encode()
    folder = f"s3://quarantine/{model}/{hashlib.sha256(raw).hexdigest()}"
    if bad_cells is not None:
        with bad_cells.open("rb") as stream:
            store.put(f"{folder}/rows.parquet", stream)
    return store.put(f"{folder}/report.json", raw)
