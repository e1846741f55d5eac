"""A dropped file, read from beginning to end as ingest_data does."""

from __future__ import annotations

import io
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from functions.data_files.object_keys import DataFile, classify_key
from functions.data_files.refusal import FileRefused
from functions.data_files.spool import spool
from functions.ingest_data.process_file import process_file
from functions.ingest_data.settings import Settings
from pipelines.spec import parse_spec

_NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
_SPECS = [
    parse_spec(text.encode(), model="churn")
    for text in (
        "{target: y, ingest: {tolerated_bad_rows: 0.9}}",
        "{target: y, entity: a, timestamp: t, schema: {a: {type: int}, b: {values: [x]}}, ingest: {tolerated_bad_rows: 1}}",
    )
]


def read(data: bytes, name: str) -> None:
    """Read a file under two specs: a part comes of it, or a refusal that says why."""
    for spec in _SPECS:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
            folder, settings = Path(scratch), Settings("unused")
            kind = classify_key(f"churn/{name}")
            assert isinstance(kind, DataFile)
            try:
                stream, encoding = io.BytesIO(data), spec.ingest.encoding
                spooled = spool(stream, folder, kind.format, settings, encoding=encoding)
                found = process_file(
                    spooled, spec, None, now=_NOW, folder=folder, max_columns=settings.max_columns
                )
            except FileRefused as refusal:
                assert refusal.problems, refusal
                continue
            refused = found.refusal
            assert (found.part is None) is (refused is not None), found
            assert found.part is None or found.part.rows + found.bad_rows <= found.rows, found
