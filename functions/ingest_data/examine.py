"""Reads one spooled file from beginning to end: its good rows become a part, its bad ones a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from functions.ingest_data.checks import Checker
from functions.ingest_data.duplicates import SeenKeys
from functions.ingest_data.inference import infer, widened
from functions.ingest_data.logic import columns_to_read, refusal_of
from functions.ingest_data.part import PartWriter
from functions.ingest_data.profile import Profile
from functions.ingest_data.quarantine import Quarantine
from functions.ingest_data.refusal import FileRefused, readable
from functions.ingest_data.schema import Column, DataSchema, under
from functions.ingest_data.source import Source, open_source
from functions.ingest_data.spool import Spooled
from pipelines.spec import Kind, ModelSpec

_MAX_RESTARTS = 3


@dataclass(frozen=True)
class Part:
    """Good rows on the scratch disk, ready to be stored."""

    path: Path
    sha256: str
    rows: int
    size: int
    schema: DataSchema
    profile: dict[str, Any]


@dataclass(frozen=True)
class Examined:
    """What became of a file: a part, or a refusal; and the table of bad cells when there are any."""

    part: Part | None
    refusal: FileRefused | None
    rows: int = 0
    bad_rows: int = 0
    ignored_columns: tuple[str, ...] = ()
    bad_cells: Path | None = None
    summary: Sequence[dict[str, Any]] = ()


class _DecimalsFound(Exception):
    """Columns taken for whole numbers by the sample have decimals further down."""

    def __init__(self, columns: frozenset[str]) -> None:
        super().__init__(", ".join(sorted(columns)))
        self.columns = columns


def examine(
    spooled: Spooled,
    spec: ModelSpec,
    kept: DataSchema | None,
    *,
    now: datetime,
    folder: Path,
    max_columns: int,
) -> Examined:
    """Check every row of a file.

    Args:
        spooled: the file on the scratch disk.
        spec: the spec in force.
        kept: the dataset's schema; None infers it, as for the first file.
        now: the moment that timestamps are compared with.
        folder: where the part and the table of bad cells are written.
        max_columns: the most columns that are read.
    """
    try:
        with readable("the file"):
            source = open_source(spooled, spec, kept)
            columns = columns_to_read(source.names, spec, kept, max_columns=max_columns)
            ignored = tuple(sorted(set(source.names) - set(columns)))
            kinds = kept.columns if kept else infer(source.sample(columns), spec)
            fixed = {name for name, rule in spec.schema_.items() if rule.kind is not None}
            flexible = frozenset(
                column.name
                for column in kinds
                if kept is None and column.kind is Kind.INTEGER and column.name not in fixed
            )
            return _examine(source, spec, kinds, flexible, now, folder, ignored)
    except FileRefused as refusal:
        return Examined(None, refusal)


def _examine(
    source: Source,
    spec: ModelSpec,
    kinds: tuple[Column, ...],
    flexible: frozenset[str],
    now: datetime,
    folder: Path,
    ignored: tuple[str, ...],
) -> Examined:
    """Read the file, again when a column turns out to need decimals; at the last attempt all get them."""
    for attempt in range(_MAX_RESTARTS + 1):
        try:
            return _read_all(source, under(spec, kinds), spec, flexible, now, folder, ignored)
        except _DecimalsFound as found:
            names = set(flexible if attempt >= _MAX_RESTARTS - 1 else found.columns)
            kinds = widened(kinds, names)
            flexible = flexible - names
    raise AssertionError("a column was widened twice")


def _read_all(
    source: Source,
    schema: DataSchema,
    spec: ModelSpec,
    flexible: frozenset[str],
    now: datetime,
    folder: Path,
    ignored: tuple[str, ...],
) -> Examined:
    checker = Checker.at(schema, SeenKeys(folder), now, spec.ingest.clock_skew)
    quarantine = Quarantine(folder / "bad.parquet")
    profile = Profile(schema)
    rows = bad_rows = 0
    with PartWriter(folder / "part.parquet", checker.arrow_schema, on_group=profile.add) as writer:
        try:
            for batch in source.batches(schema):
                verdict = checker.check(batch)
                if decimals := verdict.decimals & flexible:
                    raise _DecimalsFound(decimals)
                for cells in verdict.cells:
                    quarantine.add(cells)
                rows += verdict.good.num_rows + verdict.bad_rows
                bad_rows += verdict.bad_rows
                writer.add(verdict.good)
        finally:
            bad_cells = quarantine.close()
        digest = writer.finish()
    refusal = refusal_of(rows, bad_rows, spec.ingest.tolerated_bad_rows, quarantine.problems())
    part = Part(writer.path, digest, writer.rows, writer.path.stat().st_size, schema, profile.to_json())
    return Examined(
        None if refusal else part, refusal, rows, bad_rows, ignored, bad_cells, quarantine.summary()
    )
