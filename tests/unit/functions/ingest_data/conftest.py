"""What tests of reading files share: a spec from YAML, a file processed from bytes."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from functions.data_files.object_keys import DataFile, classify_key
from functions.data_files.refusal import FileRefused
from functions.data_files.spool import spool
from functions.ingest_data.part import Part
from functions.ingest_data.process_file import Processed, process_file
from functions.ingest_data.schema import DataSchema
from functions.ingest_data.settings import Settings
from pipelines.spec import parse_spec

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
Examine = Callable[..., "Seen"]


class Seen:
    """What became of a file, in forms that tests compare."""

    def __init__(self, processed: Processed) -> None:
        self.processed = processed

    @property
    def part(self) -> Part:
        """The part; the file must not have been refused."""
        assert self.processed.part is not None, self.processed.refusal
        return self.processed.part

    @property
    def refusal(self) -> FileRefused:
        """Why the file was refused; it must have been, with a problem to show."""
        assert self.processed.refusal is not None
        assert self.processed.part is None
        assert self.processed.refusal.problems
        return self.processed.refusal

    @property
    def good(self) -> list[dict[str, Any]]:
        """The rows of the part."""
        found: list[dict[str, Any]] = pq.read_table(self.part.path).to_pylist()
        return found

    @property
    def warnings(self) -> list[tuple[str | None, int | None, str]]:
        """What was said about a file that was taken: column, count, message."""
        assert self.part
        return [(each.column, each.count, each.message) for each in self.processed.warnings]

    @property
    def kinds(self) -> dict[str, str]:
        """Each column's kind."""
        return {column.name: column.kind.value for column in self.part.schema.columns}

    @property
    def bad(self) -> list[tuple[Any, ...]]:
        """The quarantined cells: row, column, value, reason; by row and column."""
        if self.processed.bad_cells is None:
            return []
        cells = [tuple(row.values()) for row in pq.read_table(self.processed.bad_cells).to_pylist()]
        return sorted(cells, key=lambda cell: (cell[0], cell[1], cell[3]))


@pytest.fixture
def examine_bytes(tmp_path: Path) -> Examine:
    """Examine a file's bytes as if it had been dropped: (raw, spec YAML, name, kept schema, settings)."""
    count = 0

    def run(
        raw: bytes,
        spec: str = "target: y",
        *,
        name: str = "data.csv",
        kept: DataSchema | None = None,
        **limits: int,
    ) -> Seen:
        nonlocal count
        count += 1
        folder = tmp_path / str(count)
        folder.mkdir()
        settings = replace(Settings("unused"), **limits)
        parsed = parse_spec(spec.encode(), model="churn")
        kind = classify_key(f"churn/{name}")
        assert isinstance(kind, DataFile)
        try:
            stream, encoding = io.BytesIO(raw), parsed.ingest.encoding
            spooled = spool(stream, folder, kind.format, settings, encoding=encoding, target=parsed.target)
            return Seen(
                process_file(
                    spooled,
                    parsed,
                    kept,
                    now=NOW,
                    folder=folder,
                    max_columns=settings.max_columns,
                    folders=dict(kind.folders),
                )
            )
        except FileRefused as refusal:
            return Seen(Processed(None, refusal))

    return run
