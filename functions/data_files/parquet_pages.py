"""Computes from page headers alone how much memory reading a Parquet file takes.

A page's header says how large it is unpacked; the column's metadata need not, and a page of kilobytes can
hold gigabytes. The headers are Thrift structs in the compact protocol (parquet.thrift, PageHeader).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

_DATA, _DICTIONARY, _DATA_V2 = 0, 2, 3
_DELTA_BYTE_ARRAY = 7
_FIXED_WIDTH = 32
_MAX_DEPTH = 8
_SHORT, _LONG = 256, 64 << 20
_USUAL = 1 << 20


class BadPages(ValueError):
    """A page's header cannot be read."""


@dataclass(frozen=True)
class Weight:
    """What reading takes, in bytes: the pages held at once, and the most that a row may unpack to."""

    held: int
    row: int


@dataclass(frozen=True)
class _Page:
    dictionary: bool
    size: int
    values: int
    encoding: int


Longest = Callable[[int, str, int], int | None]
"""Says how long the longest of the values in a dictionary is: (row group, column, how many values)."""


def weigh(path: Path, file: pq.ParquetFile, columns: set[str], longest: Longest) -> Weight:
    """Weigh the heaviest row group.

    Args:
        path: the file.
        file: the same file, opened.
        columns: the columns that are read.
        longest: returns the longest text of a dictionary; None when it cannot tell.

    Raises:
        BadPages: a page's header, or what the footer says of a column, cannot be read.
    """
    schema, held, row = file.metadata.schema, 0, 0
    wanted = [each for each in range(file.metadata.num_columns) if schema.column(each).path in columns]
    with path.open("rb") as stream:
        for number in range(file.metadata.num_row_groups):
            weights = [
                _weigh_chunk(stream, chunk, number, longest) for chunk in _chunks(file, number, wanted)
            ]
            held = max(held, sum(weight.held for weight in weights))
            row = max(row, sum(weight.row for weight in weights))
    return Weight(held, row)


def _chunks(file: pq.ParquetFile, group: int, columns: list[int]) -> list[pq.ColumnChunkMetaData]:
    """Return what the footer says of columns.

    A damaged footer ends the whole process in pyarrow's `RowGroupMetaData.column`, and is an error of its
    reader: so no rows are read first, which makes the same objects.
    """
    try:
        list(file.reader.iter_batches(0, row_groups=[group], column_indices=columns, use_threads=False))
    except (pa.ArrowException, OSError) as error:
        raise BadPages(str(error)) from error
    metadata = file.metadata.row_group(group)
    return [metadata.column(each) for each in columns]


def _weigh_chunk(stream: BinaryIO, chunk: pq.ColumnChunkMetaData, group: int, longest: Longest) -> Weight:
    pages = list(_pages(stream, chunk))
    data = [page for page in pages if not page.dictionary]
    largest = max((page.size for page in data), default=0)
    dictionary = max((page for page in pages if page.dictionary), key=lambda page: page.size, default=None)
    size = 0 if dictionary is None else dictionary.size
    if chunk.physical_type != "BYTE_ARRAY":
        return Weight(size + largest, _FIXED_WIDTH)
    row = max((_plain_weight(page) for page in data), default=0)
    if dictionary is not None and size > _SHORT and size + largest <= _LONG:
        found = longest(group, chunk.path_in_schema, dictionary.values)
        row = max(row, size if found is None else found)
    else:
        row = max(row, size)
    twice = size > _USUAL  # larger ones are also held while their texts are measured
    return Weight((1 + twice) * size + largest, row)


def _plain_weight(page: _Page) -> int:
    """Return the bytes of an average row; a delta-encoded value may repeat all of the value before it."""
    return page.size if page.encoding == _DELTA_BYTE_ARRAY else -(-page.size // max(1, page.values))


def _pages(stream: BinaryIO, chunk: pq.ColumnChunkMetaData) -> Iterator[_Page]:
    start = chunk.data_page_offset
    if chunk.has_dictionary_page and chunk.dictionary_page_offset:
        start = min(start, chunk.dictionary_page_offset)
    stream.seek(start)
    seen = 0
    while seen < chunk.num_values:
        header = _struct(stream)
        kind, size, packed = (_count(header, field) for field in (1, 2, 3))
        stream.seek(packed, 1)
        inner = header.get({_DATA: 5, _DICTIONARY: 7, _DATA_V2: 8}.get(kind, 0))
        if not isinstance(inner, dict):  # an index page, or one of a kind that readers pass over
            continue
        encoding = _count(inner, 4 if kind == _DATA_V2 else 2)
        page = _Page(kind == _DICTIONARY, size, _count(inner, 1), encoding)
        seen += 0 if page.dictionary else page.values
        yield page


def _count(fields: dict[int, Any], number: int) -> int:
    found = fields.get(number)
    if not isinstance(found, int) or found < 0:
        raise BadPages("a page's header lacks a size, a count or an encoding")
    return found


def _byte(stream: BinaryIO) -> int:
    found = stream.read(1)
    if not found:
        raise BadPages("a page's header is cut off")
    return found[0]


def _varint(stream: BinaryIO) -> int:
    value = 0
    for shift in range(0, 70, 7):
        octet = _byte(stream)
        value |= (octet & 0x7F) << shift
        if octet < 0x80:
            return value
    raise BadPages("a number in a page's header is too long")


def _zigzag(stream: BinaryIO) -> int:
    value = _varint(stream)
    return (value >> 1) ^ -(value & 1)


def _struct(stream: BinaryIO, depth: int = 0) -> dict[int, Any]:
    fields: dict[int, Any] = {}
    number = 0
    while head := _byte(stream):
        number = number + (head >> 4) if head >> 4 else _zigzag(stream)
        fields[number] = _value(stream, head & 0x0F, depth)
    return fields


def _value(stream: BinaryIO, type_: int, depth: int) -> Any:
    """Read a field's value; texts are passed over. Page headers hold no lists and no maps."""
    if type_ in (1, 2):
        return type_ == 1
    if type_ == 3:
        return _byte(stream)
    if type_ in (4, 5, 6):
        return _zigzag(stream)
    if type_ in (7, 8):
        stream.seek(8 if type_ == 7 else _varint(stream), 1)
        return None
    if type_ == 12 and depth < _MAX_DEPTH:
        return _struct(stream, depth + 1)
    raise BadPages(f"a page's header holds a value of type {type_}")
