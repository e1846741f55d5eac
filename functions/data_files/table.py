"""A spooled file as a table that is read in batches, whatever its format."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace

import pyarrow as pa

from eventing.catalogue import DataWarning
from functions.data_files.csv_layout import detect_layout
from functions.data_files.data_warnings import warning
from functions.data_files.object_keys import Format
from functions.data_files.read_csv import read_csv, sample_text
from functions.data_files.read_json import json_columns, json_records, read_json
from functions.data_files.read_parquet import parquet_columns, read_parquet
from functions.data_files.rows import Batch
from functions.data_files.spooled import Spooled

_SAMPLE_ROWS = 50_000
_NAMELESS = re.compile(r"Unnamed: \d+(_level_\d+)?(\.\d+)?")


@dataclass(frozen=True)
class Table:
    """The columns a file has, in order ("" for one without a name), and a way to read some of them.

    Each call of `read` starts from the beginning. `decimal` is the decimal mark that the delimiter suggests.
    `warnings` say which of its columns are not among `names`, and the like.
    """

    names: tuple[str, ...]
    read: Callable[[tuple[str, ...]], Iterator[Batch]]
    decimal: str = "."
    warnings: tuple[DataWarning, ...] = ()

    def sample(self, columns: tuple[str, ...], target: str | None = None) -> dict[str, pa.Array]:
        """Return some tens of thousands of the first rows, by column; empty arrays when there are none.

        The target's are the first among which there is a label; `target` must be one of the columns.
        """
        found: dict[str, pa.Array] = {}
        for batch in self.read(columns):
            if not len(batch.numbers):
                continue
            arrays = {} if found else {name: batch.columns[name] for name in columns}
            if target is not None:
                arrays[target] = batch.columns[target].drop_null()
            found |= {name: array.slice(0, _SAMPLE_ROWS) for name, array in arrays.items()}
            if target is None or len(found[target]):
                break
        return found or {name: pa.array([], pa.string()) for name in columns}


@dataclass(frozen=True)
class Expected:
    """What is known of a file's columns before it is read.

    Attributes:
        required: the columns that it must have.
        target: one of them, by which the header of a CSV is known.
        order: the names of all columns in order, for a CSV without a header.
        delimiter: of a CSV; None detects it.
    """

    required: Collection[str]
    target: str
    order: tuple[str, ...] = ()
    delimiter: str | None = None


def open_table(
    spooled: Spooled, expected: Expected, folders: Mapping[str, str | None] | None = None
) -> Table:
    """Find out what columns a spooled file has, with those that its folders tell.

    What is an index or holds no plain values is passed over with a warning, unless it is required.

    Args:
        folders: the columns that the file's key tells, each with the one value of all rows.

    Raises:
        FileRefused: the file is not of its format, or its header cannot be read.
    """
    table = _without_nameless(_open(spooled, expected), expected.required)
    table = replace(table, warnings=(*spooled.warnings, *table.warnings))
    return with_folders(table, folders, expected.required) if folders else table


def _open(spooled: Spooled, expected: Expected) -> Table:
    path, required = spooled.path, expected.required
    if spooled.format is Format.PARQUET:
        limits = spooled.limits
        longest, largest = limits.max_line_bytes, limits.max_file_bytes
        names, warnings = parquet_columns(path, largest, required)
        return Table(names, lambda columns: read_parquet(path, columns, longest, largest), warnings=warnings)
    if spooled.format in (Format.JSON_LINES, Format.JSON_ARRAY):
        records = json_records(spooled)
        names, found = json_columns(records, required)
        return Table(names, lambda columns: read_json(records, columns), warnings=tuple(found))
    layout = detect_layout(
        sample_text(path),
        delimiter=spooled.delimiter or expected.delimiter,
        expected=expected.order,
        target=expected.target,
    )
    return Table(
        layout.names,
        lambda columns: read_csv(spooled, layout),
        "," if layout.delimiter == ";" else ".",
        layout.warnings,
    )


def _without_nameless(table: Table, required: Collection[str]) -> Table:
    """Pass over columns without a name, also those that pandas gave one since they had none."""
    given = [name for name in table.names if _NAMELESS.fullmatch(name) and name not in required]
    warnings = [
        warning("passed over: pandas names so what had no name, often row numbers", column=name)
        for name in given
    ]
    if blank := sum(not name for name in table.names):
        warnings.append(
            warning(
                "columns without a name are passed over",
                count=blank,
                fix="give each a name in the header if it is data",
            )
        )
    names = tuple(name for name in table.names if name not in given)
    return replace(table, names=names, warnings=(*table.warnings, *warnings))


def with_folders(table: Table, folders: Mapping[str, str | None], required: Collection[str]) -> Table:
    """Add the columns that the file's key tells and the file itself has not; all rows have the one value."""
    added = {name: value for name, value in folders.items() if name not in table.names}

    def read(columns: tuple[str, ...]) -> Iterator[Batch]:
        for batch in table.read(tuple(name for name in columns if name not in added)):
            values = {
                name: pa.repeat(pa.scalar(value, pa.string()), len(batch.numbers))
                for name, value in added.items()
                if name in columns
            }
            yield replace(batch, columns={**batch.columns, **values})

    warnings = [
        warning(
            f"every row has the value {value!r}, which the file's folder tells",
            column=name,
            fix="ingest: {folder_columns: false} in model.yaml leaves such columns out",
        )
        for name, value in added.items()
        if name not in required
    ]
    return replace(table, names=(*table.names, *added), read=read, warnings=(*table.warnings, *warnings))
