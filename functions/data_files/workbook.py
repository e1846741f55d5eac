"""Reads the one table of an Excel workbook as CSV, row by row, as Excel last computed its values.

A small workbook can become very large, so what a reader holds in memory is measured before it is read.
Why openpyxl: docs/decisions/2026-11-30-excel-by-openpyxl.md.
"""

from __future__ import annotations

import csv
import io
import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

from eventing.catalogue import DataWarning
from functions.data_files.archive import BoundedReads
from functions.data_files.data_warnings import warning
from functions.data_files.refusal import FileRefused, clip, refuse
from functions.data_files.unpack import CHUNK, Chunks

MAX_ROWS, MAX_COLUMNS = 1_048_576, 16_384
_HELD_BYTES = 128 << 20
_SHEET_BYTES = 1 << 30
_ROW_BYTES = 16 << 20
_FIRST_ROWS = 100
_ROW_END = b"row>"
_NO_VALUE = re.compile(
    rb"<(\w+:)?f(?:\s[^<>]*)?(?:/>|>[^<]*</(\w+:)?f>)\s*(?:</(\w+:)?c>|<(\w+:)?v\s*/>|<(\w+:)?v></)"
)
_ERRORS = frozenset(
    ("#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#GETTING_DATA", "#SPILL!", "#CALC!")
)

Row = Sequence[Any]


@dataclass
class Sheet:
    """A sheet of a workbook with the warnings about it; `errors` is counted as rows are read."""

    path: Path
    name: str
    found_warnings: tuple[DataWarning, ...]
    errors: int = 0

    @property
    def warnings(self) -> tuple[DataWarning, ...]:
        """The warnings, once all rows have been read."""
        if not self.errors:
            return self.found_warnings
        message = "cells hold an error of Excel, such as #DIV/0!, and are read as missing"
        return (*self.found_warnings, warning(message, count=self.errors, fix="correct the formulas"))

    def csv(self) -> Chunks:
        """Yield the sheet's rows as CSV, blank ones too, so that a row's number is the one Excel shows.

        Raises:
            FileRefused: it is damaged.
        """
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        with _workbook(self.path) as book:
            for row in _rows(book[self.name]):
                self.errors += sum(value in _ERRORS for value in row if isinstance(value, str))
                writer.writerow([text_of_cell(value) for value in row])
                if out.tell() >= CHUNK:
                    yield _taken(out)
        yield _taken(out)


def open_sheet(path: Path, target: str | None) -> Sheet:
    """Find the sheet that holds the table: the only one that is not empty, else the only one with the target.

    Raises:
        FileRefused: it is damaged, too large to be read, has no rows, or several sheets could be meant.
    """
    with _workbook(path, checked=True) as book:
        shown = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
        first = {sheet.title: list(islice(_rows(sheet), _FIRST_ROWS)) for sheet in shown}
        filled = [name for name, rows in first.items() if any(map(_is_filled, rows))]
        named = [
            name for name in filled if any(_name(value) == target for row in first[name] for value in row)
        ]
    found = filled if len(filled) == 1 else named
    if len(found) != 1:
        raise _ambiguous(filled, named, target)
    found_warnings = []
    if len(filled) > 1:
        others = ", ".join(clip(name, 40) for name in filled if name != found[0])
        found_warnings.append(
            warning(
                f"the sheet {found[0]!r} is read, since it has the column {target}; not: {others}",
                count=len(filled) - 1,
                fix="drop the other sheets as files of their own if they are data",
            )
        )
    if unknown := _formulas_without_value(path):
        found_warnings.append(
            warning(
                "formulas without a computed value are read as missing, in all sheets together",
                count=unknown,
                fix="open the workbook in Excel or LibreOffice, save it, and drop it again",
            )
        )
    return Sheet(path, found[0], tuple(found_warnings))


def _ambiguous(filled: Sequence[str], named: Sequence[str], target: str | None) -> FileRefused:
    if not filled:
        return refuse("the file is empty", "the workbook", "no sheet has a value", "fill in a sheet")
    which = f"{len(named)} of them have" if named else "none of them has"
    return refuse(
        "several sheets could be the table",
        "the workbook",
        f"{', '.join(clip(name, 40) for name in filled[:10])}; {which} the target {target}",
        "keep one sheet, or drop each as a file of its own",
    )


def text_of_cell(value: Any) -> str:
    """Write a cell as CSV would have it: whole numbers without a point, dates and times in ISO 8601."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, datetime):
        midnight = value.time() == time()
        return value.date().isoformat() if midnight else value.isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return repr(value.total_seconds())
    return "" if value in _ERRORS else str(value).replace("\0", "")


def _name(value: Any) -> str:
    return text_of_cell(value).strip()


def _is_filled(row: Row) -> bool:
    return any(value not in (None, "") for value in row)


def _taken(out: io.StringIO) -> bytes:
    text = out.getvalue()
    out.seek(0)
    out.truncate()
    return text.encode("utf-8", "replace")


def _rows(sheet: Any) -> Iterator[Row]:
    """Yield a sheet's rows; the size that a sheet states is ignored, as it is often wrong."""
    sheet.reset_dimensions()
    for row in sheet.iter_rows(max_row=MAX_ROWS, values_only=True):
        if len(row) > MAX_COLUMNS:
            raise ValueError(f"a row has {len(row)} columns")
        yield row


@contextmanager
def _workbook(path: Path, *, checked: bool = False) -> Iterator[Any]:
    """Open a workbook. Raises: FileRefused: it is damaged, or too large to be read."""
    import openpyxl  # imported here, as few files are workbooks

    with path.open("rb") as stream, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings about styles and extensions, on which no value depends
        bounded = BoundedReads(stream)
        try:
            if checked:
                _check_sizes(bounded)
            book = openpyxl.load_workbook(
                cast(IO[bytes], bounded), read_only=True, data_only=True, keep_links=False
            )
            try:
                yield book
            finally:
                book.close()
        except FileRefused:
            raise
        except Exception as error:  # openpyxl has no base class for the errors that a damaged file raises
            raise refuse(
                "broken Excel workbook",
                "the file",
                f"it cannot be read: {type(error).__name__}: {error}"[:200],
                "save it again, or save the sheet as CSV",
            ) from error


def _check_sizes(stream: BoundedReads) -> None:
    """Refuse a workbook of which a reader would hold too much at once."""
    with zipfile.ZipFile(cast(IO[bytes], stream)) as archive:
        for member in archive.infolist():
            sheet = _is_sheet(member.filename)
            limit = _SHEET_BYTES if sheet else _HELD_BYTES
            longest = _longest_row(archive, member) if sheet and member.file_size <= limit else 0
            if member.file_size > limit or longest > _ROW_BYTES:
                raise refuse(
                    "the workbook is too large",
                    clip(member.filename, 80),
                    f"{longest or member.file_size} bytes {'in a row' if longest else 'unpacked'}",
                    "save the sheet as CSV or Parquet",
                )


def _is_sheet(name: str) -> bool:
    return name.lower().startswith("xl/worksheets/") and name.lower().endswith(".xml")


def _longest_row(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> int:
    """Return about how many bytes the longest row has."""
    longest = since = 0
    with archive.open(member) as stream:
        while chunk := stream.read(CHUNK):
            ends = [chunk.find(_ROW_END), chunk.rfind(_ROW_END)]
            longest = max(longest, since + (ends[0] if ends[0] >= 0 else len(chunk)))
            since = len(chunk) - ends[1] if ends[1] >= 0 else since + len(chunk)
    return longest


def _formulas_without_value(path: Path) -> int:
    """Count the formulas without a saved result."""
    found = 0
    with path.open("rb") as stream, zipfile.ZipFile(stream) as archive:
        for member in filter(lambda each: _is_sheet(each.filename), archive.infolist()):
            pending = b""
            with archive.open(member) as sheet:
                while chunk := sheet.read(CHUNK):
                    whole, end, rest = (pending + chunk).rpartition(_ROW_END)
                    found += len(_NO_VALUE.findall(whole)) if end else 0
                    pending = rest
    return found
