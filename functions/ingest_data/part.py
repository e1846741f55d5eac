"""A part of a dataset: good rows as Parquet, whose bytes depend on nothing but the rows and their schema."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from eventing.catalogue import Claim
from eventing.store import Store
from functions.ingest_data.schema import DataSchema

_CELLS_PER_GROUP = 1 << 20
_BYTES_PER_GROUP = 48 << 20


@dataclass(frozen=True)
class Part:
    """Good rows on the scratch disk, ready to be stored; `rows` counts those that have a label."""

    path: Path
    sha256: str
    rows: int
    size: int
    schema: DataSchema
    profile: dict[str, Any]


@dataclass(frozen=True)
class StoredPart:
    """A part in the store, with its profile and schema."""

    part: Claim
    profile: Claim
    schema: Claim


class PartWriter:
    """Collects rows into row groups of a fixed number of rows, whatever the batches they come in.

    Args:
        path: where to write.
        schema: the rows' Arrow schema.
        on_group: called with each row group when it is complete.
    """

    def __init__(self, path: Path, schema: pa.Schema, *, on_group: Callable[[pa.RecordBatch], None]) -> None:
        self.path = path
        self._on_group = on_group
        self.rows = 0
        self._schema = schema
        self._group = max(256, min(65_536, _CELLS_PER_GROUP // max(1, len(schema))))
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = 0
        self._pending_bytes = 0
        texts = [field.name for field in schema if pa.types.is_string(field.type)]
        self._writer = pq.ParquetWriter(
            path, schema, compression="zstd", compression_level=1, use_dictionary=texts or False
        )

    def add(self, batch: pa.RecordBatch) -> None:
        """Add rows."""
        if not batch.num_rows:
            return
        self._pending.append(batch)
        self._pending_rows += batch.num_rows
        self._pending_bytes += batch.nbytes
        self.rows += batch.num_rows
        while self._pending_rows >= self._group:
            self._flush(self._group)
        if self._pending_bytes > _BYTES_PER_GROUP:  # long texts: memory counts for more than even groups
            self._flush(self._pending_rows)

    def __enter__(self) -> Self:
        """Close the file at the end, whatever happens."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._writer.close()

    def finish(self) -> str:
        """Write what is left and return the file's SHA-256."""
        if self._pending_rows:
            self._flush(self._pending_rows)
        self._writer.close()
        with self.path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def _flush(self, rows: int) -> None:
        table = pa.Table.from_batches(self._pending, schema=self._schema)
        group = table.slice(0, rows).combine_chunks()
        rest = table.slice(rows).combine_chunks()
        self._pending = rest.to_batches() if rest.num_rows else []
        self._pending_rows = rest.num_rows
        self._pending_bytes = rest.nbytes if rest.num_rows else 0
        del table  # long texts: one copy of the group is enough while it is written
        self._writer.write_table(group, row_group_size=rows)
        for batch in group.to_batches():
            self._on_group(batch)


def store_part(store: Store, model: str, part: Part) -> StoredPart:
    """Put a part, its profile and its schema, under their digests. Doing it again changes nothing."""
    folder, schema = f"s3://datasets/{model}/{part.sha256}", part.schema
    with part.path.open("rb") as stream:
        data = store.put(f"{folder}/data.parquet", stream)
    profile = json.dumps(part.profile, ensure_ascii=False, separators=(",", ":")).encode()
    return StoredPart(
        data,
        store.put(f"{folder}/profile.json", profile),
        store.put(f"s3://datasets/{model}/schemas/{schema.sha256}.json", schema.to_json().encode()),
    )
