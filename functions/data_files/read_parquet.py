"""Reads a Parquet file from the scratch disk, some rows at a time, within a bounded amount of memory.

A small file can become very large: a page of kilobytes unpacks to gigabytes, and a million rows may repeat
one long text. So the pages are weighed first, and as many rows are unpacked at once as their weight allows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from eventing.catalogue import DataWarning
from functions.data_files.data_warnings import warning
from functions.data_files.limits import MAX_FILE_BYTES, MAX_LINE_BYTES
from functions.data_files.parquet_pages import BadPages, weigh
from functions.data_files.refusal import FileRefused, refuse
from functions.data_files.rows import Batch
from pipelines.values.arrays import plain

_CELLS = 2_000_000
_MAX_ROWS = 1_000_000_000
_BATCH_BYTES = 8 << 20
_HELD_BYTES = 256 << 20
_FEW_ROWS = 4_096
_INDEX = re.compile(r"__index_level_\d+__")

Lengths = npt.NDArray[np.int64]


def parquet_columns(
    path: Path, max_bytes: int = MAX_FILE_BYTES, required: Collection[str] = ()
) -> tuple[tuple[str, ...], tuple[DataWarning, ...]]:
    """Return the names of the columns that are read, and what to say about the others.

    What pandas wrote as the index, and columns of lists or the like, are passed over unless required.

    Raises:
        FileRefused: no Parquet file, a name stands twice, or it claims more than a billion rows or
            more than `max_bytes` unpacked.
    """
    file = _open(path)
    schema = file.schema_arrow
    names = tuple(schema.names)
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise refuse(
            "a column stands twice", f"column {twice[0]}", "two columns have this name", "rename one"
        )
    metadata = file.metadata
    if metadata.num_rows > _MAX_ROWS:
        raise refuse("too many rows", "the file", f"it claims {metadata.num_rows} rows", "split the file")
    size = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    if size > max_bytes:
        raise _too_large(f"{size} bytes unpacked", max_bytes)
    reasons = _passed_over(schema)
    warnings = [
        warning(f"passed over: {why}", column=name, fix="name it under schema in model.yaml if it is data")
        for name, why in reasons.items()
        if name not in required
    ]
    return tuple(name for name in names if name in required or name not in reasons), tuple(warnings)


def _passed_over(schema: pa.Schema) -> dict[str, str]:
    """Return the columns that are no data, each with the reason."""
    nested = {field.name: f"its type is {str(field.type)[:80]}" for field in schema if not plain(field.type)}
    index = dict.fromkeys(_index_columns(schema.metadata), "the file's pandas metadata calls it the index")
    unnamed = {
        name: "pandas names so an index without a name" for name in schema.names if _INDEX.fullmatch(name)
    }
    return {name: why for name, why in {**unnamed, **index, **nested}.items() if name in schema.names}


def _index_columns(metadata: Mapping[bytes, bytes] | None) -> list[str]:
    """Read the names of the columns that pandas wrote as the index; none where it wrote none."""
    try:
        pandas = json.loads((metadata or {}).get(b"pandas", b"{}"))
        found = pandas.get("index_columns", [])
        return [name for name in found if isinstance(name, str)]
    except (ValueError, AttributeError, TypeError, RecursionError):
        return []


def read_parquet(
    path: Path,
    columns: tuple[str, ...],
    max_row_bytes: int = MAX_LINE_BYTES,
    max_bytes: int = MAX_FILE_BYTES,
) -> Iterator[Batch]:
    """Yield the file's rows, numbered from 1.

    Raises:
        FileRefused: a column holds lists or the like, the texts of a row are longer than `max_row_bytes`,
            or those of all rows than `max_bytes`, the pages are too large, or the file is damaged.
    """
    schema = _open(path).schema_arrow  # pyarrow builds it anew at each access
    types = {name: schema.field(name).type for name in columns}
    for name, type_ in types.items():
        if not plain(type_):
            raise refuse(
                "a column holds no plain values",
                f"column {name}",
                f"its type is {type_}",
                "keep numbers, booleans, texts, dates or timestamps, or leave the column out",
            )
    file = _open(path)
    size = _rows_at_once(path, file, types)
    done = unpacked = 0
    try:
        read = file.iter_batches(batch_size=size, columns=list(columns), use_threads=False)
        for batch in read if size >= _FEW_ROWS else _joined(read):
            total = _row_lengths(batch, done, max_row_bytes)
            unpacked += int(total.sum())
            if unpacked > max_bytes:
                raise _too_large(f"its texts have {unpacked} bytes by row {done + batch.num_rows}", max_bytes)
            for part in _slices(batch, total):
                numbers = np.arange(done + 1, done + 1 + part.num_rows, dtype=np.int64)
                done += part.num_rows
                yield Batch(dict(zip(part.schema.names, part.columns, strict=True)), numbers)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(f"after row {done}", error) from error


def _open(path: Path, texts: list[str] | None = None) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20, read_dictionary=texts)
    except (pa.ArrowException, OSError) as error:
        raise refuse("not a Parquet file", "the footer", str(error)[:200], "write it again") from error


def _damaged(where: str, error: Exception) -> FileRefused:
    return refuse("the Parquet file is damaged", where, str(error)[:200], "write it again")


def _too_large(problem: str, max_bytes: int) -> FileRefused:
    return refuse(
        "the file is too large",
        "the file",
        f"{problem}, more than {max_bytes} (MAX_FILE_BYTES)",
        "split it into several files; each becomes a part of the dataset",
    )


def _is_text(type_: pa.DataType) -> bool:
    if pa.types.is_dictionary(type_):
        return _is_text(type_.value_type)
    return bool(
        pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_)
    )


def _rows_at_once(path: Path, file: pq.ParquetFile, types: dict[str, pa.DataType]) -> int:
    texts = [name for name, type_ in types.items() if _is_text(type_)]
    encoded = _open(path, texts) if texts else file

    def longest(group: int, name: str, count: int) -> int | None:
        if name not in types or not _is_text(types[name]):
            return None
        if pa.types.is_dictionary(types[name]):
            return 0
        return _longest(encoded, group, name, count)

    try:
        weight = weigh(path, file, set(types), longest)
    except BadPages as error:
        raise _damaged("the headers of its pages", error) from error
    if weight.held > _HELD_BYTES:
        raise refuse(
            "the pages of the Parquet file are too large",
            "the largest row group",
            f"a page of each column takes {weight.held} bytes unpacked, more than {_HELD_BYTES}",
            "write row groups of fewer rows, such as row_group_size=10000, or smaller pages",
        )
    most = min(65_536, max(64, _CELLS // max(1, len(types))))
    return max(1, min(most, _BATCH_BYTES // max(1, weight.row)))


def _longest(file: pq.ParquetFile, group: int, name: str, count: int) -> int | None:
    """Read rows until the dictionary of a text column comes; None when no row needs it, or not all of it."""
    try:
        for batch in file.iter_batches(64, row_groups=[group], columns=[name], use_threads=False):
            dictionary = batch.column(0).dictionary
            if len(dictionary):
                return int(_lengths(dictionary).max()) if len(dictionary) >= count else None
    except pa.ArrowNotImplementedError:  # delta-encoded values
        pass
    return None


def _joined(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Join batches of few rows: every batch costs some work per column."""
    pending: list[pa.RecordBatch] = []
    for batch in batches:
        pending.append(batch)
        few = sum(each.num_rows for each in pending) < _FEW_ROWS
        if not few or sum(each.nbytes for each in pending) > _BATCH_BYTES // 2:
            yield pa.concat_batches(pending)
            pending = []
    if pending:
        yield pa.concat_batches(pending)


def _row_lengths(batch: pa.RecordBatch, done: int, max_row_bytes: int) -> Lengths:
    lengths = {
        name: _lengths(array)
        for name, array in zip(batch.schema.names, batch.columns, strict=True)
        if _is_text(array.type)
    }
    total: Lengths = sum(lengths.values(), np.zeros(batch.num_rows, dtype=np.int64))
    if batch.num_rows and total.max() > max_row_bytes:
        row = int(total.argmax())
        longest = max(lengths, key=lambda name: int(lengths[name][row]))
        raise refuse(
            "a row is too long",
            f"row {done + row + 1}, column {longest}",
            f"its texts have {total[row]} bytes, more than {max_row_bytes} (MAX_LINE_BYTES)",
            "shorten the text, or leave the column out",
        )
    return total


def _slices(batch: pa.RecordBatch, total: Lengths) -> Iterator[pa.RecordBatch]:
    """Cut a batch into slices whose texts take some MiB when unpacked, however often one is repeated."""
    ends = np.cumsum(total)
    start = 0
    while start < batch.num_rows:
        before = int(ends[start - 1]) if start else 0
        end = max(start + 1, int(np.searchsorted(ends, before + _BATCH_BYTES, side="right")))
        yield batch.slice(start, end - start)
        start = end


def _lengths(array: pa.Array) -> Lengths:
    if pa.types.is_dictionary(array.type):
        known = np.append(_lengths(array.dictionary), 0)  # the last one stands for null
        found: Lengths = known[array.indices.fill_null(len(known) - 1).to_numpy(zero_copy_only=False)]
        return found
    if pa.types.is_string_view(array.type):
        array = array.cast(pa.large_string())
    lengths: Lengths = pc.binary_length(array).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    return lengths
