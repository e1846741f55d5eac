"""Writes the result on the scratch disk, batch by batch: Parquet or CSV."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from functions.data_files.object_keys import Format


class ResultWriter:
    """Writes batches of one schema, the first one's."""

    def __init__(self, path: Path, format_: Format) -> None:
        self._path = path
        self._parquet = format_ is Format.PARQUET
        self._writer: pq.ParquetWriter | pacsv.CSVWriter | None = None
        self.rows = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Write some rows."""
        if not batch.num_rows:
            return
        if self._writer is None:
            self._writer = self._open(batch.schema)
        self._writer.write_batch(batch)
        self.rows += batch.num_rows

    def _open(self, schema: pa.Schema) -> pq.ParquetWriter | pacsv.CSVWriter:
        if self._parquet:
            return pq.ParquetWriter(self._path, schema, compression="zstd", compression_level=1)
        return pacsv.CSVWriter(self._path, schema, write_options=pacsv.WriteOptions(quoting_style="needed"))

    def __enter__(self) -> Self:
        """Close the file at the end, whatever happens."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
