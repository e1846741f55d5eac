"""Reads JSON Lines from the scratch disk: one object a line, each key a column."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from functions.ingest_data.refusal import refuse
from functions.ingest_data.rows import MAX_TEXT, BadCells, Batch
from functions.ingest_data.schema import text_of

_ROWS = 8_192
_BYTES = 8 << 20
NOT_JSON = "not a JSON object"
_NO_JSON_NUMBER = re.compile(rb'"(?:[^"\\]|\\.)*"|\bNaN\b|-?\bInfinity\b')


def json_columns(path: Path, rows: int = 10_000, size: int = 4 << 20) -> tuple[str, ...]:
    """Return the keys of the first objects in the order they are met.

    Raises:
        FileRefused: the file is one JSON array, or no line is an object.
    """
    names: dict[str, None] = {}
    read = 0
    with path.open("rb") as stream:
        for line in islice(stream, rows):
            found = _object(line)
            if found is not None:
                names.update(dict.fromkeys(found))
            read += len(line)
            if read > size:
                break
    if not names:
        raise _no_objects(path)
    return tuple(names)


def _no_objects(path: Path) -> Exception:
    with path.open("rb") as stream:
        start = stream.read(200).lstrip()
    if start.startswith(b"["):
        fix = "write one object per line, for example with: jq -c '.[]'"
        return refuse("a JSON array, not JSON Lines", "the first line", "it starts with [", fix)
    shown = start[:60].decode("utf-8", "replace")
    return refuse(
        "not JSON Lines", "the first lines", f"no JSON object: {shown!r}", "write one object per line"
    )


def read_json_lines(path: Path, columns: tuple[str, ...]) -> Iterator[Batch]:
    """Yield the file's rows. A row's number is its line's; blank lines count but are no rows.

    Lines that are no JSON object come as unreadable rows. Keys that are no column are passed over.
    """
    with path.open("rb") as stream:
        number = 0
        while lines := _some(stream):
            rows: list[dict[str, Any]] = []
            numbers: list[int] = []
            broken: list[tuple[int, str]] = []
            for line in lines:
                number += 1
                found = _object(line)
                if found is not None:
                    rows.append(found)
                    numbers.append(number)
                elif not line.isspace():
                    broken.append((number, line[:MAX_TEXT].decode("utf-8", "replace").strip()))
            arrays = {name: _column([row.get(name) for row in rows]) for name in columns}
            yield Batch(arrays, np.array(numbers, dtype=np.int64), _unreadable_rows(broken))


def _some(stream: Any) -> list[bytes]:
    """Read a few thousand lines, fewer when they are long."""
    lines: list[bytes] = []
    size = 0
    for line in stream:
        lines.append(line)
        size += len(line)
        if len(lines) >= _ROWS or size >= _BYTES:
            break
    return lines


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        plain = _NO_JSON_NUMBER.sub(_as_json, line) if b"NaN" in line or b"Infinity" in line else line
        return None if plain == line else _object(plain)
    return found if isinstance(found, dict) else None


def _as_json(found: re.Match[bytes]) -> bytes:
    """Understand the numbers that Python writes and JSON has not as in CSV: missing, or infinite."""
    text = found[0]
    if text.startswith(b'"'):
        return text
    return b"null" if text == b"NaN" else b'"' + text + b'"'


def _unreadable_rows(broken: list[tuple[int, str]]) -> tuple[BadCells, ...]:
    if not broken:
        return ()
    rows = np.array([number for number, _ in broken], dtype=np.int64)
    return (BadCells("", NOT_JSON, rows, [text for _, text in broken]),)


def _column(values: list[Any]) -> pa.Array:
    """Build an array of one plain type, or of texts when the values are mixed."""
    try:
        array = pa.array(values)
    except (pa.ArrowException, OverflowError):
        return pa.array([_as_text(value) for value in values], pa.string())
    if pa.types.is_nested(array.type):
        return pa.array([_as_text(value) for value in values], pa.string())
    return array


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return text_of(value) if isinstance(value, int | float) else orjson.dumps(value).decode()
