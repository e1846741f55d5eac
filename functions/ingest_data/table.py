"""A spooled file as a table that is read in batches, whatever its format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from functions.ingest_data.csv_layout import detect_layout
from functions.ingest_data.object_keys import Format
from functions.ingest_data.parse_values import NUMBER, to_mask
from functions.ingest_data.read_csv import read_csv, sample_text
from functions.ingest_data.read_jsonl import json_columns, read_json_lines
from functions.ingest_data.read_parquet import parquet_columns, read_parquet
from functions.ingest_data.rows import Batch
from functions.ingest_data.schema import NUMERIC, DataSchema
from functions.ingest_data.spool import Spooled
from pipelines.spec import ModelSpec

_SAMPLE_ROWS = 50_000


@dataclass(frozen=True)
class Table:
    """The columns a file has, in order ("" for one without a name), and a way to read some of them.

    Each call of `read` starts from the beginning. In a file with `decimal_comma`, numbers are written 1,5.
    """

    names: tuple[str, ...]
    read: Callable[[tuple[str, ...]], Iterator[Batch]]
    decimal_comma: bool = False

    def sample(self, columns: tuple[str, ...]) -> dict[str, pa.Array]:
        """Return some tens of thousands of the first rows, by column; empty arrays when there are none."""
        for batch in self.read(columns):
            if len(batch.numbers):
                found = {name: batch.columns[name].slice(0, _SAMPLE_ROWS) for name in columns}
                return {name: self._with_points(array) for name, array in found.items()}
        return {name: pa.array([], pa.string()) for name in columns}

    def batches(self, schema: DataSchema) -> Iterator[Batch]:
        """Yield the rows with the columns of a schema."""
        numeric = [column.name for column in schema.columns if column.kind in NUMERIC]
        for batch in self.read(schema.names):
            if self.decimal_comma:
                pointed = {name: _points(batch.columns[name]) for name in numeric}
                yield replace(batch, columns={**batch.columns, **pointed})
            else:
                yield batch

    def _with_points(self, array: pa.Array) -> pa.Array:
        """Read decimal commas in a sample's column when that makes all of it numbers."""
        if not self.decimal_comma:
            return array
        pointed = _points(array)
        present = pointed.drop_null()
        fits = (
            len(present) and to_mask(pc.match_substring_regex(pc.utf8_trim_whitespace(present), NUMBER)).all()
        )
        return pointed if fits else array


def _points(array: pa.Array) -> pa.Array:
    return pc.replace_substring(array, ",", ".")


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
    return Table(layout.names, lambda columns: read_csv(spooled, layout), layout.decimal_comma)
