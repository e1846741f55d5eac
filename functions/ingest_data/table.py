"""A spooled file as a table that is read in batches, whatever its format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from functions.ingest_data.csv_layout import detect_layout
from functions.ingest_data.object_keys import Format
from functions.ingest_data.read_csv import read_csv, sample_text
from functions.ingest_data.read_jsonl import json_columns, read_json_lines
from functions.ingest_data.read_parquet import parquet_columns, read_parquet
from functions.ingest_data.rows import Batch
from functions.ingest_data.schema import DataSchema
from functions.ingest_data.spool import Spooled
from pipelines.spec import ModelSpec

_SAMPLE_ROWS = 50_000


@dataclass(frozen=True)
class Table:
    """The columns a file has, in order ("" for one without a name), and a way to read some of them.

    Each call of `read` starts from the beginning. `decimal` is the decimal mark that the delimiter suggests.
    """

    names: tuple[str, ...]
    read: Callable[[tuple[str, ...]], Iterator[Batch]]
    decimal: str = "."

    def sample(self, columns: tuple[str, ...]) -> dict[str, pa.Array]:
        """Return some tens of thousands of the first rows, by column; empty arrays when there are none."""
        for batch in self.read(columns):
            if len(batch.numbers):
                return {name: batch.columns[name].slice(0, _SAMPLE_ROWS) for name in columns}
        return {name: pa.array([], pa.string()) for name in columns}


def open_table(spooled: Spooled, spec: ModelSpec, kept: DataSchema | None) -> Table:
    """Find out what columns a spooled file has.

    Raises:
        FileRefused: the file is not of its format, or its header cannot be read.
    """
    path = spooled.path
    if spooled.format is Format.PARQUET:
        limits = spooled.limits
        longest, largest = limits.max_line_bytes, limits.max_file_bytes
        names = parquet_columns(path, largest)
        return Table(names, lambda columns: read_parquet(path, columns, longest, largest))
    if spooled.format is Format.JSON_LINES:
        return Table(json_columns(path), lambda columns: read_json_lines(path, columns))
    layout = detect_layout(
        sample_text(path),
        delimiter=spec.ingest.delimiter,
        expected=kept.names if kept else tuple(spec.schema_),
        target=spec.target,
    )
    return Table(
        layout.names, lambda columns: read_csv(spooled, layout), "," if layout.delimiter == ";" else "."
    )
