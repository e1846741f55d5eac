"""Reads a CSV file from the scratch disk, batch by batch, every field as text."""

from __future__ import annotations

from array import array as numbers_array
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from functions.data_files.csv_layout import CsvLayout
from functions.data_files.refusal import refuse
from functions.data_files.rows import MAX_TEXT, BadCells, Batch, Rows
from functions.data_files.spooled import Spooled
from pipelines.values.arrays import to_mask

_BLOCK = 1 << 20  # Arrow reads up to 32 blocks ahead
_LARGE_FILE = 64 << 20
_LONG_LINE = 2 << 20
_CELLS = 1_000_000
_HOPELESS = 10_000
RAGGED = "the wrong number of fields"


def sample_text(path: Path, size: int = 1 << 20) -> str:
    """Return whole lines from the beginning of a spooled text file, about `size` bytes."""
    with path.open("rb") as stream:
        head = stream.read(size)
        rest = b"" if len(head) < size else stream.readline(_LONG_LINE)
    return (head + rest).decode("utf-8", "ignore")  # the last character may be cut


def read_csv(spooled: Spooled, layout: CsvLayout) -> Iterator[Batch]:
    """Yield the file's rows. A row's number counts records from 1, so the first after a header is 2.

    Rows with another number of fields than the header come as unreadable rows; blank lines are passed over.

    Raises:
        FileRefused: a quote is never closed, a record is too long, or half of the rows are ragged.
    """
    ragged = _Ragged(len(layout.names), layout.header_row)
    numbering = _RowNumbers(ragged)
    names = [name or f"\0{position}" for position, name in enumerate(layout.names)]
    last: tuple[int, bool] = (0, False)
    try:
        for block in _coalesced(_open(spooled, layout, ragged), len(names)):
            numbers = numbering.of(block.num_rows)
            above = int(np.searchsorted(numbers, layout.header_row, side="right"))
            if above:
                block, numbers = block.slice(above), numbers[above:]
            columns = dict(zip(names, block.columns, strict=True))
            if block.num_rows:
                last = (int(numbers[-1]), _ends_in_open_quote(block))
            yield _without_blank(columns, numbers, ragged.take())
    except pa.ArrowInvalid as error:
        raise _unreadable(error, ragged) from error
    if left := ragged.take():
        yield Batch({name: pa.array([], pa.string()) for name in names}, np.zeros(0, np.int64), left)
    number, is_open = max(last, ragged.last)
    if spooled.quotes % 2 and is_open:
        raise _open_quote(f"row {number}")


def _open(spooled: Spooled, layout: CsvLayout, ragged: _Ragged) -> Iterator[pa.RecordBatch]:
    fields = [f"f{position}" for position in range(len(layout.names))]
    if spooled.size > _LARGE_FILE and spooled.longest_line > _LONG_LINE:
        raise refuse(
            "lines are too long for a file of this size",
            "a line",
            f"it has more than {_LONG_LINE} bytes, in a file of more than {_LARGE_FILE} bytes",
            "check that lines end with a line feed; split the file if they do",
        )
    block = max(_BLOCK, 2 * spooled.longest_line)
    reader: Iterator[pa.RecordBatch] = pacsv.open_csv(
        str(spooled.path),
        read_options=pacsv.ReadOptions(use_threads=False, block_size=block, column_names=fields),
        parse_options=pacsv.ParseOptions(
            delimiter=layout.delimiter,
            newlines_in_values=spooled.quotes > 0,
            ignore_empty_lines=False,  # blank lines count in the rows' numbers
            invalid_row_handler=ragged.handle,
        ),
        convert_options=pacsv.ConvertOptions(
            column_types=dict.fromkeys(fields, pa.string()),
            check_utf8=False,  # spooling has decoded it
            strings_can_be_null=True,
            null_values=[""],
        ),
    )
    return reader


def _coalesced(blocks: Iterator[pa.RecordBatch], width: int) -> Iterator[pa.RecordBatch]:
    """Join the blocks of a wide file, which hold few rows each: every batch costs some work per column."""
    pending: list[pa.RecordBatch] = []
    rows = 0
    for block in blocks:
        if width < _BLOCK // 1024 or not block.num_rows:
            yield block
            continue
        pending.append(block)
        rows += block.num_rows
        if rows * width >= _CELLS:
            yield from pa.Table.from_batches(pending).combine_chunks().to_batches()
            pending, rows = [], 0
    if pending:
        yield from pa.Table.from_batches(pending).combine_chunks().to_batches()


class _Ragged:
    """Collects the rows that Arrow's parser could not fit to the columns; those above the header are none.

    `last` is the number of the last of them, and whether it has a line end, within quotes then.
    """

    def __init__(self, width: int, header_row: int) -> None:
        self.width = width
        self._header_row = header_row
        self.numbers = numbers_array("q")
        self.hopeless = False
        self.last = (0, False)
        self._texts: list[str] = []
        self._taken = 0

    def handle(self, row: pacsv.InvalidRow) -> str:
        self.numbers.append(row.number)
        self.last = (row.number, "\n" in row.text)
        self._texts.append(f"{row.actual_columns} fields: {row.text[:MAX_TEXT]}")
        self.hopeless = len(self.numbers) >= _HOPELESS and len(self.numbers) > row.number / 2
        return "error" if self.hopeless else "skip"

    def take(self) -> tuple[BadCells, ...]:
        """Return the rows met since the last call."""
        if not self._texts:
            return ()
        rows = np.array(self.numbers[self._taken :], dtype=np.int64)
        texts: list[str | None] = [*self._texts]
        self._texts = []
        self._taken = len(self.numbers)
        above = int(np.searchsorted(rows, self._header_row, side="right"))
        return (BadCells("", RAGGED, rows[above:], texts[above:]),) if above < len(rows) else ()


class _RowNumbers:
    """Gives the rows that were read their numbers in the file, which the ragged ones leave gaps in."""

    def __init__(self, ragged: _Ragged) -> None:
        self._ragged = ragged
        self._next = 1
        self._passed = 0

    def of(self, count: int) -> Rows:
        gaps = np.array(self._ragged.numbers[self._passed :], dtype=np.int64)
        numbers = np.arange(self._next, self._next + count + len(gaps), dtype=np.int64)
        free = np.ones(len(numbers), dtype=bool)
        inside = gaps - self._next
        free[inside[inside < len(numbers)]] = False
        numbers = numbers[free][:count]
        if count:
            self._next = int(numbers[-1]) + 1
            self._passed += int(np.searchsorted(gaps, self._next))
        found: Rows = numbers
        return found


def _without_blank(columns: dict[str, pa.Array], numbers: Rows, unreadable: tuple[BadCells, ...]) -> Batch:
    kept: pa.Array | None = None
    for column in columns.values():
        if not column.null_count:
            return Batch(columns, numbers, unreadable)
        kept = column.is_valid() if kept is None else pc.or_(kept, column.is_valid())
    if kept is None or pc.all(kept).as_py() is not False:
        return Batch(columns, numbers, unreadable)
    return Batch(
        {name: column.filter(kept) for name, column in columns.items()}, numbers[to_mask(kept)], unreadable
    )


def _ends_in_open_quote(block: pa.RecordBatch) -> bool:
    last = block.slice(block.num_rows - 1)
    return any("\n" in (column[0].as_py() or "") for column in last.columns)


def _open_quote(where: str) -> Exception:
    return refuse(
        "a quote is never closed",
        where,
        "everything after it was read as one value",
        'close the quote; write a quote within a value as "" and put the value in quotes',
    )


def _unreadable(error: pa.ArrowInvalid, ragged: _Ragged) -> Exception:
    text = str(error)
    if ragged.hopeless:
        return refuse(
            "the rows do not have the header's number of fields",
            f"row {ragged.numbers[0]}",
            f"expected {ragged.width} fields, but {len(ragged.numbers)} rows, more than half, have others",
            "check the delimiter (ingest.delimiter in model.yaml) and the quotes",
        )
    if "straddling" in text:
        return _open_quote("a record longer than the longest line allows")
    if "Empty CSV" in text:
        return refuse("the file is empty", "the file", "it has no rows", "drop it with a header and rows")
    return refuse("not a CSV file", "the file", text[:200], "check its quotes and delimiter")
