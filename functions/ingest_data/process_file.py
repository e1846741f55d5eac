"""Reads one spooled file from beginning to end: its good rows become a part, its bad ones a report.

The steps, in order: open the table, choose its columns, infer their types where no dataset keeps them, then
batch by batch check the rows, write the good ones and put the bad cells into quarantine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from eventing.catalogue import DataWarning, Problem
from eventing.catalogue.data import MAX_PROBLEMS
from functions.data_files.data_warnings import warning
from functions.data_files.quarantine import Quarantine
from functions.data_files.refusal import FileRefused, readable
from functions.data_files.spooled import Spooled
from functions.data_files.table import Table, open_table
from functions.ingest_data.check_rows import Checker
from functions.ingest_data.duplicates import SeenKeys
from functions.ingest_data.find_forms import find_forms
from functions.ingest_data.infer_types import Inferred, infer_types
from functions.ingest_data.logic import columns_to_read, expected_columns, refusal_of
from functions.ingest_data.part import Part, PartWriter
from functions.ingest_data.profile import Profile
from functions.ingest_data.schema import NUMERIC, Column, DataSchema, under
from pipelines.spec import Kind, ModelSpec
from pipelines.values.form import Form

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
    unlabelled_rows: int = 0
    warnings: tuple[DataWarning, ...] = ()
    problems: tuple[Problem, ...] = ()


class _WiderFound(Exception):
    """Columns that hold whole numbers in the sample have others further down; `kinds` would hold them."""

    def __init__(self, kinds: Mapping[str, Kind]) -> None:
        super().__init__(", ".join(sorted(kinds)))
        self.kinds = kinds


def process_file(
    spooled: Spooled,
    spec: ModelSpec,
    kept: DataSchema | None,
    *,
    now: datetime,
    folder: Path,
    max_columns: int,
    folders: Mapping[str, str | None] | None = None,
) -> Processed:
    """Check every row of a file.

    Args:
        spooled: the file on the scratch disk.
        spec: the spec in force.
        kept: the dataset's schema; None infers it, as for the first file.
        now: what timestamps are compared with.
        folder: where the part and the table of bad cells are written.
        max_columns: the most columns that are read.
        folders: the columns that the file's key tells, each with the one value of all rows.

    Raises:
        FileRefused: it is no table, or lacks a required column.
    """
    with readable("the file"):
        named = folders if spec.ingest.folder_columns else None
        table = open_table(spooled, expected_columns(spec, kept), named)
        names = columns_to_read(table.names, spec, kept, max_columns=max_columns)
        inferred = (
            Inferred(kept.columns)
            if kept
            else infer_types(table.sample(names, spec.target), spec, table.decimal)
        )
        columns = inferred.columns
        forms = _forms_of_file(table, kept, spec) if kept else {}
        integers = {column.name for column in columns if column.kind is Kind.INTEGER}
        fixed = {name for name, rule in spec.schema_.items() if rule.kind is not None}
        may_widen = frozenset() if kept else frozenset(integers - fixed)
        for attempt in range(_MAX_RESTARTS + 1):
            try:
                schema, first = under(spec, columns), kept is None
                done = _read_rows(table, schema, forms, spec, may_widen, now, folder, first=first)
                warnings = (
                    *_unlabelled(done.unlabelled_rows, spec.target),
                    *table.warnings,
                    *inferred.warnings,
                )
                return replace(done, warnings=warnings)
            except _WiderFound as found:
                # At the last attempt all of them are widened.
                rest = dict.fromkeys(may_widen, Kind.NUMBER) if attempt >= _MAX_RESTARTS - 1 else {}
                kinds = {**rest, **found.kinds}
                columns, may_widen = _widened(columns, kinds), may_widen - kinds.keys()
    raise AssertionError("a column was widened twice")


def _forms_of_file(table: Table, kept: DataSchema, spec: ModelSpec) -> Mapping[str, Form]:
    """Return how this file writes the numbers of a dataset that has other files already."""
    numeric = {column.name: column.form for column in kept.columns if column.kind in NUMERIC}
    sample = table.sample(tuple(numeric))
    return {name: found.form for name, found in find_forms(sample, spec, table.decimal, numeric).items()}


def _widened(columns: Sequence[Column], kinds: Mapping[str, Kind]) -> tuple[Column, ...]:
    return tuple(replace(column, kind=kinds.get(column.name, column.kind)) for column in columns)


def _read_rows(
    table: Table,
    schema: DataSchema,
    forms: Mapping[str, Form],
    spec: ModelSpec,
    may_widen: frozenset[str],
    now: datetime,
    folder: Path,
    *,
    first: bool,
) -> Processed:
    """Read all rows. Raises: _WiderFound in a column that may be widened."""
    checker = Checker(schema, now + spec.ingest.clock_skew, SeenKeys(folder), forms)
    quarantine, profile = Quarantine(folder / "bad.parquet"), Profile(schema)
    rows = bad_rows = unlabelled = 0
    with PartWriter(folder / "part.parquet", checker.arrow_schema, on_group=profile.add) as writer:
        try:
            for batch in table.read(schema.names):
                checked = checker.check(batch)
                if wider := {name: kind for name, kind in checked.wider.items() if name in may_widen}:
                    raise _WiderFound(wider)
                for cells in checked.bad_cells:
                    quarantine.add(cells)
                rows += checked.good.num_rows + checked.bad_rows
                bad_rows += checked.bad_rows
                unlabelled += checked.unlabelled
                writer.add(checked.good)
        finally:
            bad_cells = quarantine.close()
        digest = writer.finish()
    problems = quarantine.problems()
    refusal = refusal_of(
        rows,
        bad_rows,
        spec.ingest.tolerated_bad_rows,
        problems,
        unlabelled=first and unlabelled == writer.rows,
    )
    size = writer.path.stat().st_size
    labelled = writer.rows - unlabelled
    part = None if refusal else Part(writer.path, digest, labelled, size, schema, profile.to_json())
    ignored = tuple(sorted(set(table.names) - set(schema.names)))
    return Processed(
        part,
        refusal,
        rows,
        bad_rows,
        ignored,
        bad_cells,
        quarantine.summary(),
        unlabelled,
        problems=tuple(problems[:MAX_PROBLEMS]),
    )


def _unlabelled(rows: int, target: str) -> list[DataWarning]:
    if not rows:
        return []
    message = "rows without a label are kept for drift detection and left out of training"
    fix = f"schema: {{{target}: {{nullable: false}}}} in model.yaml puts such rows into quarantine"
    return [warning(message, column=target, count=rows, fix=fix)]
