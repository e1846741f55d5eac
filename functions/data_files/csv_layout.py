"""How a CSV file is laid out: its delimiter, and whether its first line names the columns."""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from eventing.catalogue import DataWarning
from functions.data_files.data_warnings import warning
from functions.data_files.refusal import refuse

_DELIMITERS = (",", ";", "\t", "|")
_NUMBER = re.compile(r"\s*[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?\s*")
_ROWS = 200
_TITLES = 20


@dataclass(frozen=True)
class CsvLayout:
    """A CSV file's layout.

    `names` has the name of every field in order, "" for a field without one. `header_row` is the number of
    the record that names the columns, counted from 1; 0 when there is none.
    """

    delimiter: str
    names: tuple[str, ...]
    header_row: int
    warnings: tuple[DataWarning, ...] = ()


def detect_layout(sample: str, *, delimiter: str | None, expected: Sequence[str], target: str) -> CsvLayout:
    """Find the layout from the beginning of a file.

    Args:
        sample: whole lines from the beginning of the file.
        delimiter: what the spec says; None detects it.
        expected: the columns' names in order when they are known (kept, or all given in the spec).
        target: the target column, which a header must name.

    Raises:
        FileRefused: no delimiter fits, there is no header and none can be known, or a name stands twice.
    """
    chosen = delimiter or _detect_delimiter(sample, {*expected, target}, target)
    numbers, rows = _records(sample, chosen)
    if not rows:
        raise refuse(
            "no header can be read",
            "the first line",
            "it is blank, or a value has over 131,072 characters",
            "put the columns' names on the first line",
        )
    titles = _title_lines(rows, target)
    rows = rows[titles:]
    first = tuple(field.strip() for field in rows[0])
    header = _is_header(first, expected, target)
    names = first if header else tuple(expected)
    if not header and len(first) != len(expected):
        raise refuse(
            "the file has no header",
            "the first line",
            f"not names but values: {', '.join(first)[:80]!r}",
            "put the columns' names on the first line",
        )
    _check_names(names, chosen)
    above = warning("lines above the header are passed over", count=titles)
    return CsvLayout(chosen, names, numbers[titles] if header else 0, (above,) if titles else ())


def _title_lines(rows: Sequence[Sequence[str]], target: str) -> int:
    """Count the lines above the header: few fields, and then a line of names with the target among them."""
    filled = [sum(bool(field.strip()) for field in row) for row in rows[: _TITLES + 1]]
    for number, row in enumerate(rows[: _TITLES + 1]):
        names = [field.strip() for field in row if field.strip()]
        if target in names:
            above = all(2 * few <= filled[number] for few in filled[:number])
            return number if above and not any(map(_NUMBER.fullmatch, names)) else 0
    return 0


def _detect_delimiter(sample: str, known: set[str], target: str) -> str:
    read = {mark: _records(sample, mark)[1] for mark in _DELIMITERS}
    scores = {mark: _score(rows[_title_lines(rows, target) :], known) for mark, rows in read.items()}
    best = max(_DELIMITERS, key=lambda mark: scores[mark])
    return best if scores[best][1] > 0 else ","


def _score(rows: Sequence[Sequence[str]], known: set[str]) -> tuple[int, float, int]:
    """Rate a delimiter: known names on the first line, then the share of rows with its number of fields."""
    if not rows or len(rows[0]) < 2:
        return (0, 0.0, 0)
    counts = Counter(len(row) for row in rows)
    width = len(rows[0])
    named = len(known.intersection(field.strip() for field in rows[0]))
    return (named, counts[width] / len(rows), width)


def _records(sample: str, delimiter: str) -> tuple[list[int], list[list[str]]]:
    """Split the sample's first records that are not blank; return their numbers from 1, and their fields.

    What the csv module cannot read ends them.
    """
    numbers: list[int] = []
    rows: list[list[str]] = []
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
    with contextlib.suppress(csv.Error):
        for number, row in enumerate(reader, 1):
            if any(field.strip() for field in row):
                numbers.append(number)
                rows.append(row)
            if len(rows) >= _ROWS:
                break
    return numbers, rows


def _is_header(first: Sequence[str], expected: Sequence[str], target: str) -> bool:
    """Say whether the first line names the columns: it does unless it looks like a row of values."""
    if target in first or set(expected) & set(first):
        return True
    return not any(_NUMBER.fullmatch(field) for field in first)


def _check_names(names: Sequence[str], delimiter: str) -> None:
    twice = [name for name, count in Counter(filter(None, names)).items() if count > 1]
    if twice:
        raise refuse(
            "a column stands twice in the header",
            f"column {twice[0]}",
            f"twice in the header: {', '.join(sorted(twice)[:10])}",
            "give each column its own name",
        )
    if not any(names):
        raise refuse(
            "the header names no column",
            "the first line",
            f"its fields, by {delimiter!r}, are all blank",
            "put the columns' names on the first line",
        )
