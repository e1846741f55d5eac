"""How a CSV file is laid out: its delimiter, and whether its first line names the columns."""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from functions.ingest_data.refusal import refuse

_DELIMITERS = (",", ";", "\t", "|")
_NUMBER = re.compile(r"\s*[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?\s*")
_ROWS = 200


@dataclass(frozen=True)
class CsvLayout:
    """A CSV file's layout.

    `names` has the name of every field in order, "" for a field without one. `header_row` is the number of
    the record that names the columns, counted from 1; 0 when there is none.
    """

    delimiter: str
    names: tuple[str, ...]
    header_row: int


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
    chosen = delimiter or _detect_delimiter(sample, {*expected, target})
    blank, rows = _records(sample, chosen)
    if not rows:
        raise refuse(
            "no header can be read",
            "the first line",
            "it is blank, or a value has over 131,072 characters",
            "put the columns' names on the first line",
        )
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
    return CsvLayout(chosen, names, blank + 1 if header else 0)


def _detect_delimiter(sample: str, known: set[str]) -> str:
    scores = {mark: _score(_records(sample, mark)[1], known) for mark in _DELIMITERS}
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


def _records(sample: str, delimiter: str) -> tuple[int, list[list[str]]]:
    """Split the sample's first records; return how many blank ones come before the first, and the others.

    What the csv module cannot read ends them.
    """
    blank = 0
    rows: list[list[str]] = []
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
    with contextlib.suppress(csv.Error):
        for row in reader:
            if any(field.strip() for field in row):
                rows.append(row)
            elif not rows:
                blank += 1
            if len(rows) >= _ROWS:
                break
    return blank, rows


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
