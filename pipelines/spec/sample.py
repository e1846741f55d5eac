"""Reads the beginning of a data file, enough to draft a model.yaml from it."""

from __future__ import annotations

import csv
import gzip
import io
import json
from itertools import islice
from pathlib import Path
from typing import Any

ROWS = 1_000
_BYTES = 4 << 20
_DELIMITERS = ",;\t|"

Sample = dict[str, list[str | None]]
"""Each column's values in the first rows, as text; None is missing."""


class SampleError(Exception):
    """The file cannot be read as a table; the message says why."""


def read_sample(path: Path) -> Sample:
    """Read the first thousand rows of a CSV, JSON Lines or Parquet file, by its content.

    Raises:
        SampleError: it is missing, empty, or none of these.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(_BYTES)
        if raw.startswith(b"\x1f\x8b"):
            with gzip.open(path) as unpacked:
                raw = unpacked.read(_BYTES)
    except (OSError, EOFError) as error:
        raise SampleError(f"{path} cannot be read: {error}") from error
    if raw.startswith(b"PAR1"):
        return _from_parquet(path)
    text = _decode(raw)
    if not text.strip():
        raise SampleError(f"{path} is empty: it needs a header and rows")
    return _from_json(path, text) if text.lstrip().startswith("{") else _from_csv(path, text)


def _decode(raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw[: len(raw) & ~1].decode("utf-16", "replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        cut_off = error.start >= len(raw) - 3  # the sample ends within a character
        return raw[: error.start].decode("utf-8-sig") if cut_off else raw.decode("cp1252", "replace")


def _from_csv(path: Path, text: str) -> Sample:
    lines = text.splitlines(keepends=True)
    header = lines[0]
    delimiter = max(_DELIMITERS, key=header.count)
    try:
        rows = list(islice(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), ROWS + 1))
    except csv.Error as error:
        raise SampleError(f"{path} is no CSV file: {error}") from error
    names = [name.strip() for name in rows[0]]
    if len(set(names)) < len(names) or not any(names):
        raise SampleError(f"{path}: the first line must name each column once, got {', '.join(names)[:80]}")
    whole = [row for row in rows[1:] if len(row) == len(names)]
    return {name: [row[place].strip() or None for row in whole] for place, name in enumerate(names) if name}


def _from_json(path: Path, text: str) -> Sample:
    lines = text.splitlines()
    try:
        found = [json.loads(line) for line in lines[:ROWS] if line.strip()]
    except ValueError as error:
        if len(lines) > ROWS or len(text.encode()) < _BYTES - 4:
            raise SampleError(f"{path} is no JSON Lines: {error}") from error
        found = [json.loads(line) for line in lines[:-1] if line.strip()]
    if not all(isinstance(row, dict) for row in found):
        raise SampleError(f"{path} is no JSON Lines: each line must be an object")
    names = dict.fromkeys(name for row in found for name in row)
    return {name: [_as_text(row.get(name)) for row in found] for name in names}


def _from_parquet(path: Path) -> Sample:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise SampleError("reading Parquet here needs pyarrow: pip install 'kascade[ingest-data]'") from error
    try:
        batch = next(pq.ParquetFile(path).iter_batches(ROWS), None)
    except (OSError, ValueError) as error:
        raise SampleError(f"{path} is no Parquet file: {error}") from error
    if batch is None:
        return {}
    try:
        texts = {
            name: column.cast(pa.string())
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
        }
    except pa.ArrowException as error:
        raise SampleError(f"{path} has columns that hold no plain values: {error}") from error
    return {
        name: [None if text == "nan" else text for text in column.to_pylist()]
        for name, column in texts.items()
    }


def _as_text(value: Any) -> str | None:
    if value is None or value != value:  # NaN
        return None
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
