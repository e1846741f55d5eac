"""A CSV file as rows a client would send: named values, numbers where a whole column is of numbers."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kascade.system.home import HomeError
from kascade.tables import number_of

Value = int | float | str | None


@dataclass(frozen=True)
class Source:
    """The rows of a file in their order. `texts` are the target's cells as written."""

    header: list[str]
    cells: list[list[str]]
    target: str
    rows: list[dict[str, Value]]
    texts: list[str]

    def file(self, first: int, end: int) -> bytes:
        """Return some of the rows as a CSV file, as they were written."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(self.header)
        writer.writerows(self.cells[first:end])
        return text.getvalue().encode()


def read_source(path: Path, target: str, limit: int | None = None) -> Source:
    """Read a file.

    Args:
        limit: only so many of the first rows.

    Raises:
        HomeError: it is no CSV file with that column; the message names the place.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            lines = list(csv.reader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise HomeError(f"{path} cannot be read as CSV: {error}") from error
    if len(lines) < 2:
        raise HomeError(f"{path} needs a header and rows")
    header, cells = lines[0], [line for line in lines[1:] if line]
    if target not in header:
        raise HomeError(f"{path} has no column {target!r}; there are {', '.join(header)}")
    for number, line in enumerate(cells, 2):
        if len(line) != len(header):
            raise HomeError(f"{path}: row {number} has {len(line)} cells, the header has {len(header)}")
    cells = cells[:limit]
    columns = {name: _column([line[at] for line in cells]) for at, name in enumerate(header)}
    features = [name for name in header if name != target]
    rows = [{name: columns[name][at] for name in features} for at in range(len(cells))]
    place = header.index(target)
    return Source(header, cells, target, rows, [line[place].strip() for line in cells])


def same(predicted: object, text: str) -> bool:
    """Say whether a prediction is what the target's cell says, in whatever type it came."""
    if isinstance(predicted, bool):
        return str(predicted).lower() == text.lower()
    if isinstance(predicted, int | float):
        number = number_of(text)
        return number is not None and float(predicted) == number
    return str(predicted) == text


def distance(predicted: object, text: str) -> float:
    """Return how far a predicted number is from the target's cell; infinite when one is no number."""
    number = number_of(text)
    if number is None or not isinstance(predicted, int | float):
        return math.inf
    return abs(float(predicted) - number)


def _column(texts: Sequence[str]) -> list[Value]:
    numbers = [number_of(text) for text in texts]
    if all(number is not None or not text.strip() for number, text in zip(numbers, texts, strict=True)):
        return list(numbers)
    return [text or None for text in texts]
