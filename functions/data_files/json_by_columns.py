"""Reads JSON of columns as rows: what pandas' `df.to_json()` writes, and lists of the same length."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from functions.data_files.json_object import parse_object

MAX_BYTES = 8 << 20
"""All of such a file must be in memory at once."""
_MAX_NAMES = 64 << 20
"""Characters: as rows, each row has the names of all columns."""


def rows_of_columns(path: Path) -> Callable[[], Iterator[bytes]] | None:
    """Return a way through the rows of a file that is one JSON object of columns, each row a JSON object.

    A column is a list, or an object of cells by row labels that are numbers, as pandas counts rows.
    In another object, such as one row whose values are nested, nothing tells columns from rows.

    Returns:
        None where the file is something else, is larger than `MAX_BYTES`, would be far larger as rows, or has
        columns that do not fit.
    """
    if path.stat().st_size > MAX_BYTES:
        return None
    with path.open("rb") as stream:
        first, rest = stream.readline(), stream.read()
    if isinstance(parse_object(first), dict) and rest.strip():  # JSON Lines
        return None
    found = parse_object(first + rest)
    if not isinstance(found, dict) or not found:
        return None
    columns = _lists(list(found.values()))
    if columns is None or sum(map(len, found)) * len(columns[0]) > _MAX_NAMES:
        return None
    return lambda: (orjson.dumps(dict(zip(found, row, strict=True))) for row in zip(*columns, strict=True))


def _lists(values: list[Any]) -> list[list[Any]] | None:
    """Return columns as lists of one length of plain cells, if they are columns at all."""
    first = values[0]
    if isinstance(first, dict):
        labels = first.keys()
        alike = all(isinstance(each, dict) and list(each) == list(labels) for each in values)
        if not alike or not all(label.isdecimal() for label in labels):
            return None
        values = [list(each.values()) for each in values]
    elif not all(isinstance(each, list) and len(each) == len(first) for each in values):
        return None
    nested = any(isinstance(cell, dict | list) for column in values for cell in column)
    return None if nested or not values[0] else values
