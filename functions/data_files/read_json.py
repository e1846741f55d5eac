"""Reads JSON records from the scratch disk: an object a line or an element, or one object of columns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from eventing.catalogue import DataWarning
from functions.data_files.data_warnings import warning
from functions.data_files.json_array import array_elements
from functions.data_files.json_by_columns import rows_of_columns
from functions.data_files.json_object import parse_object
from functions.data_files.object_keys import Format
from functions.data_files.refusal import FileRefused, clip, refuse
from functions.data_files.rows import MAX_TEXT, BadCells, Batch
from functions.data_files.spooled import Spooled
from pipelines.values.reading import read_label

_ROWS = 8_192
_BYTES = 8 << 20
_CELLS = 1_000_000
_SAMPLE_ROWS, _SAMPLE_BYTES = 10_000, 4 << 20
_MANY_KEYS, _RARE = 1_000, 0.01

Records = Callable[[], Iterator[bytes]]


def json_records(spooled: Spooled) -> Records:
    """Return a way to go through a file's records as bytes, from the beginning."""
    if spooled.format is Format.JSON_ARRAY:
        return lambda: array_elements(spooled.path, spooled.limits.max_line_bytes)
    if (rows := rows_of_columns(spooled.path)) is not None:
        return rows
    return lambda: _lines(spooled.path)


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        yield from stream


@dataclass
class _Key:
    present: int = 0
    nested: int = 0


def json_columns(records: Records, required: Collection[str]) -> tuple[tuple[str, ...], list[DataWarning]]:
    """Return the keys of the first objects that become columns, in the order they are met, and what to say.

    Keys that mostly hold objects or lists are passed over, and where there are very many keys those that few
    objects have; not those that are required.

    Raises:
        FileRefused: no record is an object, or the file is one object of columns.
    """
    keys: dict[str, _Key] = {}
    objects = read = 0
    for line in islice(records(), _SAMPLE_ROWS):
        found = parse_object(line)
        if isinstance(found, dict):
            objects += 1
            for name, value in found.items():
                key = keys.setdefault(name, _Key())
                key.present += value is not None
                key.nested += isinstance(value, dict | list)
        read += len(line)
        if read > _SAMPLE_BYTES:
            break
    if not keys:
        raise _no_objects(records)
    if objects == 1 and all(key.nested for key in keys.values()):
        raise _by_columns(list(keys))
    nested = [name for name, key in keys.items() if 2 * key.nested > key.present and name not in required]
    plain = dict.fromkeys(name for name in keys if name not in set(nested))
    rare = _rare(plain, keys, objects, required) if len(plain) > _MANY_KEYS else []
    warnings = [
        warning(
            "passed over: it holds objects or lists, not plain values",
            column=name,
            count=keys[name].nested,
            fix="write each value as a column of its own, or name the column under schema in model.yaml",
        )
        for name in nested
    ]
    if rare:
        warnings.append(
            warning(
                f"keys that fewer than {_RARE:.0%} of the first {objects} rows have are passed over, since "
                f"there are {len(plain)}: {', '.join(clip(name, 30) for name in rare[:5])}, …",
                count=len(rare),
                fix="name those that matter under schema in model.yaml",
            )
        )
    dropped = set(rare)
    return tuple(name for name in plain if name not in dropped), warnings


def _rare(
    names: Collection[str], keys: dict[str, _Key], objects: int, required: Collection[str]
) -> list[str]:
    return [name for name in names if keys[name].present < _RARE * objects and name not in required]


def _by_columns(names: list[str]) -> FileRefused:
    return refuse(
        "JSON of columns, not of rows",
        "the file",
        f"one object, whose keys hold whole columns: {', '.join(clip(name, 30) for name in names[:5])}",
        'write rows, for example with df.to_json("data.jsonl", orient="records", lines=True)',
    )


def _no_objects(records: Records) -> FileRefused:
    start = next(records(), b"")[:200].lstrip()
    shown = start[:60].decode("utf-8", "replace")
    return refuse(
        "not JSON Lines",
        "the first lines",
        f"no JSON object: {shown!r}",
        "write one object per line, or one array of objects; "
        'for example with df.to_json("data.jsonl", orient="records", lines=True)',
    )


def read_json(records: Records, columns: tuple[str, ...]) -> Iterator[Batch]:
    """Yield the file's rows. A row's number is its line's, or its element's; blank lines are no rows.

    Records that are no JSON object, or are nested very deeply, come as unreadable rows. Keys that are no
    column are passed over.
    """
    stream = records()
    number = 0
    most = max(16, min(_ROWS, _CELLS // max(1, len(columns))))
    while lines := _some(stream, most):
        rows: list[dict[str, Any]] = []
        numbers: list[int] = []
        broken: dict[str, list[tuple[int, str]]] = {}
        for line in lines:
            number += 1
            found = parse_object(line)
            if isinstance(found, dict):
                rows.append(found)
                numbers.append(number)
            elif not line.isspace():
                text = line[:MAX_TEXT].decode("utf-8", "replace").strip()
                broken.setdefault(found, []).append((number, text))
        arrays = {name: _column([row.get(name) for row in rows]) for name in columns}
        unreadable = tuple(_unreadable(reason, cells) for reason, cells in broken.items())
        yield Batch(arrays, np.array(numbers, dtype=np.int64), unreadable)


def _some(stream: Iterator[bytes], most: int) -> list[bytes]:
    """Take some records, fewer when they are long."""
    lines: list[bytes] = []
    size = 0
    for line in stream:
        lines.append(line)
        size += len(line)
        if len(lines) >= most or size >= _BYTES:
            break
    return lines


def _unreadable(reason: str, cells: list[tuple[int, str]]) -> BadCells:
    rows = np.array([number for number, _ in cells], dtype=np.int64)
    return BadCells("", reason, rows, [text for _, text in cells])


def _column(values: list[Any]) -> pa.Array:
    """Build an array of one plain type, or of texts when the values are mixed."""
    if not any(type(value) in (dict, list) for value in values):
        try:
            return pa.array(values)
        except (pa.ArrowException, OverflowError):
            pass
    return pa.array([_as_text(value) for value in values], pa.string())


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return (read_label(value) or "") if isinstance(value, int | float) else orjson.dumps(value).decode()
