"""Scores one file from beginning to end, on the scratch disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from eventing.catalogue import DataWarning
from functions.data_files.object_keys import DataFile, Format
from functions.data_files.quarantine import Quarantine
from functions.data_files.refusal import FileRefused, readable, refuse
from functions.data_files.spool import spool
from functions.data_files.table import Expected, open_table
from functions.score_batch.champion import LoadedChampion
from functions.score_batch.logic import PREDICTION, PROBLEM, ROW, VERSION, choose_columns, probability_names
from functions.score_batch.result import ResultWriter
from functions.score_batch.score_rows import RowScorer
from functions.score_batch.settings import Settings
from pipelines.spec import ModelSpec


@dataclass(frozen=True)
class ScoredFile:
    """A result on the scratch disk, with what is told of it; `refusal` where no row was scored."""

    path: Path
    format: Format
    rows: int
    bad_rows: int
    bad_cells: Path | None
    summary: Sequence[dict[str, Any]]
    warnings: tuple[DataWarning, ...]
    refusal: FileRefused | None = None


def score_file(
    stream: BinaryIO,
    file: DataFile,
    champion: LoadedChampion,
    spec: ModelSpec,
    settings: Settings,
    folder: Path,
    progress: Callable[[int], None],
) -> ScoredFile:
    """Read a file, score its rows and write the result; memory holds some thousand rows at a time.

    Args:
        stream: the file as it was dropped.
        spec: how files of this model are written, and which columns are its entity and timestamp.
        folder: an empty folder.
        progress: is told how many rows are done.

    Raises:
        FileRefused: it is no table, has no rows, or lacks a column that the model reads.
    """
    used = [feature.name for feature in champion.encoding.features if feature.used]
    sign = next(iter(used), spec.target)
    written = (ROW, PREDICTION, *probability_names(champion.classes), VERSION, PROBLEM)
    keys = [name for name in (spec.entity, spec.timestamp) if name is not None]
    with readable("the file"):
        spooled = spool(stream, folder, file.format, settings, encoding=spec.ingest.encoding, target=sign)
        expected = Expected(used, sign, tuple(used), spec.ingest.delimiter)
        folders = dict(file.folders) if spec.ingest.folder_columns else None
        table = open_table(spooled, expected, folders)
        columns = choose_columns(
            table.names, champion.encoding, keys, written, max_columns=settings.max_columns
        )
        path, quarantine, bad_rows = folder / "result", Quarantine(folder / "bad.parquet"), 0
        is_parquet = spooled.format is Format.PARQUET
        scorer = RowScorer(champion, columns, keep_types=is_parquet)
        with ResultWriter(path, spooled.format) as writer:
            try:
                for scored in scorer.score_all(table.read(columns.all)):
                    for cells in scored.bad_cells:
                        quarantine.add(cells)
                    bad_rows += scored.bad_rows
                    writer.add(scored.rows)
                    progress(writer.rows)
            finally:
                bad_cells = quarantine.close()
    refusal = None
    if not writer.rows and bad_cells is None:
        raise refuse(
            "the file has a header but no rows", "the file", "no rows", "drop it again with its rows"
        )
    if bad_rows == writer.rows:
        bad_rows = max(bad_rows, quarantine.recorded)
        problems = quarantine.problems()
        refusal = FileRefused(f"all {bad_rows} rows are bad", problems, rows=bad_rows, bad_rows=bad_rows)
    return ScoredFile(
        path,
        spooled.format,
        writer.rows,
        bad_rows,
        bad_cells,
        quarantine.summary(),
        table.warnings,
        refusal,
    )
