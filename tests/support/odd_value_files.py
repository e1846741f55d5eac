"""What odd values are, and the files that hold them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq


@dataclass(frozen=True)
class OddValues:
    """A file with the columns `a` and `y`: how Kascade reads `a`, and how each other reader does.

    `others` has a sign for each of pandas, Arrow and DuckDB: = the same values, ≠ others, – refused. `warned`
    is what the warning about `a` must say; without one there must be none.
    """

    what: str
    name: str
    raw: bytes
    kind: str
    values: tuple[Any, ...]
    others: str
    why: str = ""
    warned: str = ""


def csv(*cells: str, delimiter: str = ",") -> bytes:
    """Write a CSV file whose column `a` repeats these cells, quoted where they must be."""
    fields = [f'"{cell}"' if delimiter in cell else cell for cell in cells * 5]
    lines = [f"a{delimiter}y", *(f"{field}{delimiter}{row % 2}" for row, field in enumerate(fields))]
    return "\n".join([*lines, ""]).encode()


def lines(*values: str) -> bytes:
    """Write JSON Lines; a value is JSON text."""
    return "".join(f'{{"a": {value}, "y": {row % 2}}}\n' for row, value in enumerate(values * 5)).encode()


def parquet(values: Any, **options: Any) -> bytes:
    """Write an array as the column `a` of a Parquet file."""
    sink = io.BytesIO()
    pq.write_table(pa.table({"a": values, "y": [row % 2 for row in range(len(values))]}), sink, **options)
    return sink.getvalue()


def excel(*cells: Any, number_format: str | None = None, epoch: datetime | None = None) -> bytes:
    """Write a workbook."""
    book = openpyxl.Workbook()
    if epoch is not None:
        book.epoch = epoch
    sheet = book.active
    sheet.append(("a", "y"))
    for row, cell in enumerate(cells * 5):
        sheet.append((cell, row % 2))
        if number_format is not None:
            sheet.cell(row + 2, 1).number_format = number_format
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


def merged() -> bytes:
    """Write a workbook in which a cell of `a` reaches over two rows."""
    book = openpyxl.Workbook()
    for row in (("a", "y"), *((each, 0) for each in "xzxzxz")):
        book.active.append(row)
    book.active.merge_cells("A3:A4")
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()
