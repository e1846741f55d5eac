"""Reads a Parquet file from the scratch disk, some rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from functions.ingest_data.checks import Batch
from functions.ingest_data.kinds import plain
from functions.ingest_data.refusal import refuse

_CELLS = 2_000_000
_MAX_ROWS = 1_000_000_000


def parquet_columns(path: Path) -> tuple[str, ...]:
    """Return the columns' names.

    Raises:
        FileRefused: no Parquet file, a name stands twice, or it claims more than a billion rows.
    """
    file = _open(path)
    names = tuple(file.schema_arrow.names)
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise refuse(
            "a column stands twice", f"column {twice[0]}", "two columns have this name", "rename one"
        )
    if file.metadata.num_rows > _MAX_ROWS:
        raise refuse(
            "too many rows", "the file", f"it claims {file.metadata.num_rows} rows", "split the file"
        )
    return names


def read_parquet(path: Path, columns: tuple[str, ...]) -> Iterator[Batch]:
    """Yield the file's rows, numbered from 1.

    Raises:
        FileRefused: a column holds lists or the like, or the file is damaged.
    """
    file = _open(path)
    for name in columns:
        type_ = file.schema_arrow.field(name).type
        if not plain(type_):
            raise refuse(
                "a column holds no plain values", f"column {name}", f"its type is {type_}",
                "keep numbers, booleans, texts, dates or timestamps, or leave the column out",
            )  # fmt: skip
    size = max(64, min(65_536, _CELLS // max(1, len(columns))))
    done = 0
    try:
        for batch in file.iter_batches(batch_size=size, columns=list(columns), use_threads=False):
            numbers = np.arange(done + 1, done + 1 + batch.num_rows, dtype=np.int64)
            done += batch.num_rows
            yield Batch(dict(zip(batch.schema.names, batch.columns, strict=True)), numbers)
    except (pa.ArrowException, OSError) as error:
        raise refuse(
            "the Parquet file is damaged", f"after row {done}", str(error)[:200], "write it again"
        ) from error


def _open(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20)
    except (pa.ArrowException, OSError) as error:
        raise refuse("not a Parquet file", "the footer", str(error)[:200], "write it again") from error
