"""Reads a file that was not dropped yet as it will be ingested, for the draft of its model.yaml."""

from __future__ import annotations

import tempfile
from pathlib import Path

from eventing.catalogue import DataWarning
from functions.data_files.object_keys import DataFile, Format, classify_key
from functions.data_files.refusal import readable, refuse
from functions.data_files.spool import spool
from functions.data_files.table import open_table
from functions.ingest_data.infer_types import infer_types
from functions.ingest_data.logic import columns_to_read, expected_columns
from functions.ingest_data.schema import under
from functions.ingest_data.settings import Settings
from pipelines.spec import ModelSpec
from pipelines.spec.draft import DraftColumn, check_target
from pipelines.values.arrays import read_array

_VALUES = 1_000
_MODEL = "draft"


def preview(path: Path, target: str) -> tuple[list[DraftColumn], tuple[DataWarning, ...]]:
    """Return the file's columns as ingesting infers them, with some of their values, and its warnings.

    Raises:
        OSError: the file cannot be read.
        FileRefused: ingesting would refuse it.
        UnknownTarget: it has no such column.
    """
    spec, settings = ModelSpec(model=_MODEL, target=target), Settings("")
    with tempfile.TemporaryDirectory() as scratch, path.open("rb") as stream, readable("the file"):
        spooled = spool(stream, Path(scratch), _format_of(path), settings, encoding=None, target=target)
        table = open_table(spooled, expected_columns(spec, None))
        check_target(target, [name for name in table.names if name])
        names = columns_to_read(table.names, spec, None, max_columns=settings.max_columns)
        sample = table.sample(names, target)
        inferred = infer_types(sample, spec, table.decimal)
        columns = under(spec, inferred.columns).columns
        drafted = [
            DraftColumn(
                each.name,
                each.kind,
                each.form,
                read_array(sample[each.name].slice(0, _VALUES), each.kind, each.form)[0].to_pylist(),
            )
            for each in columns
        ]
    return drafted, (*table.warnings, *inferred.warnings)


def _format_of(path: Path) -> Format:
    kind = classify_key(f"{_MODEL}/{path.name}")
    if isinstance(kind, DataFile):
        return kind.format
    why = getattr(kind, "why", None) or getattr(kind, "reason", "it is of no kind that is read")
    raise refuse(
        "the file's name tells of no data",
        path.name,
        str(why),
        "name it as it will be dropped, such as data.csv",
    )
