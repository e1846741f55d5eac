"""Reads one spooled file from beginning to end: its good rows become a part, its bad ones a report.

The steps, in order: open the table, choose its columns, infer their types where no dataset keeps them, then
batch by batch check the rows, write the good ones and put the bad cells into quarantine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from functions.ingest_data.check_rows import Checker
from functions.ingest_data.duplicates import SeenKeys
from functions.ingest_data.infer_types import infer_types, widened
from functions.ingest_data.logic import columns_to_read, refusal_of
from functions.ingest_data.part import Part, PartWriter
from functions.ingest_data.profile import Profile
from functions.ingest_data.quarantine import Quarantine
from functions.ingest_data.refusal import FileRefused, readable
from functions.ingest_data.schema import DataSchema, under
from functions.ingest_data.spool import Spooled
from functions.ingest_data.table import Table, open_table
from pipelines.spec import Kind, ModelSpec

_MAX_RESTARTS = 3


@dataclass(frozen=True)
class Processed:
    """What became of a file: a part, or a refusal; and the table of bad cells when there are any."""

    part: Part | None
    refusal: FileRefused | None
    rows: int = 0
    bad_rows: int = 0
    ignored_columns: tuple[str, ...] = ()
    bad_cells: Path | None = None
    summary: Sequence[dict[str, Any]] = ()


class _DecimalsFound(Exception):
    """Columns that hold whole numbers in the sample have decimals further down."""

    def __init__(self, columns: frozenset[str]) -> None:
        super().__init__(", ".join(sorted(columns)))
        self.columns = columns


def process_file(
    spooled: Spooled,
    spec: ModelSpec,
    kept: DataSchema | None,
    *,
    now: datetime,
    folder: Path,
    max_columns: int,
) -> Processed:
    """Check every row of a file.

    Args:
        spooled: the file on the scratch disk.
        spec: the spec in force.
        kept: the dataset's schema; None infers it, as for the first file.
        now: what timestamps are compared with.
        folder: where the part and the table of bad cells are written.
        max_columns: the most columns that are read.

    Raises:
        FileRefused: it is no table, or not one with the columns that must be there.
    """
    with readable("the file"):
        table = open_table(spooled, spec, kept)
        names = columns_to_read(table.names, spec, kept, max_columns=max_columns)
        columns = kept.columns if kept else infer_types(table.sample(names), spec)
        integers = {column.name for column in columns if column.kind is Kind.INTEGER}
        fixed = {name for name, rule in spec.schema_.items() if rule.kind is not None}
        may_widen = frozenset() if kept else frozenset(integers - fixed)
        for attempt in range(_MAX_RESTARTS + 1):
            try:
                return _read_rows(table, under(spec, columns), spec, may_widen, now, folder)
            except _DecimalsFound as found:
                # At the last attempt all of them are widened.
                names_widened = may_widen if attempt >= _MAX_RESTARTS - 1 else found.columns
                columns, may_widen = widened(columns, names_widened), may_widen - names_widened
    raise AssertionError("a column was widened twice")


def _read_rows(
    table: Table, schema: DataSchema, spec: ModelSpec, may_widen: frozenset[str], now: datetime, folder: Path
) -> Processed:
    """Read all rows. Raises: _DecimalsFound in a column that may be widened."""
    checker = Checker(schema, now + spec.ingest.clock_skew, SeenKeys(folder))
    quarantine, profile = Quarantine(folder / "bad.parquet"), Profile(schema)
    rows = bad_rows = 0
    with PartWriter(folder / "part.parquet", checker.arrow_schema, on_group=profile.add) as writer:
        try:
            for batch in table.batches(schema):
                checked = checker.check(batch)
                if decimals := checked.decimals & may_widen:
                    raise _DecimalsFound(decimals)
                for cells in checked.bad_cells:
                    quarantine.add(cells)
                rows += checked.good.num_rows + checked.bad_rows
                bad_rows += checked.bad_rows
                writer.add(checked.good)
        finally:
            bad_cells = quarantine.close()
        digest = writer.finish()
    refusal = refusal_of(rows, bad_rows, spec.ingest.tolerated_bad_rows, quarantine.problems())
    size = writer.path.stat().st_size
    part = None if refusal else Part(writer.path, digest, writer.rows, size, schema, profile.to_json())
    ignored = tuple(sorted(set(table.names) - set(schema.names)))
    return Processed(part, refusal, rows, bad_rows, ignored, bad_cells, quarantine.summary())
