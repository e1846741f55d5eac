"""Reads the rows that views are made from: parts of a dataset, or Parquet files of a path."""

from __future__ import annotations

import difflib
import fnmatch
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from eventing.errors import RetryLater
from eventing.store import DigestMismatch, ObjectMissing, RequestRefused, Store, StoreUnavailable
from functions.materialize_features.logic import Part
from pipelines.errors import StepError
from pipelines.features.view import View
from pipelines.tables import canonical
from pipelines.values.arrays import ARROW_TYPES
from pipelines.values.form import Form


class Unusable(Exception):
    """A view cannot be made from its source; `fix` says what to change."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(problem)
        self.fix = fix


def files_of(store: Store, path: str) -> list[Part]:
    """Return the files of a path, by name. Raises: Unusable: there is none."""
    folder, _, pattern = path.rpartition("/")
    plain = path.partition("*")[0]
    try:
        found = [
            Part(each.uri, None, each.modified)
            for each in store.list(plain)
            if each.uri.rpartition("/")[0] == folder
            and fnmatch.fnmatchcase(each.uri.rpartition("/")[2], pattern)
        ]
    except (ObjectMissing, RequestRefused) as error:
        raise Unusable(
            f"{path} cannot be listed: {error}", "correct `path`, or grant the right to it"
        ) from error
    except StoreUnavailable as error:
        raise RetryLater(str(error)) from error
    if not found:
        raise Unusable(f"{path} names no file", "put Parquet files there, or correct `path`")
    return found


def fingerprint(parts: Sequence[Part]) -> str:
    """Return what tells these files from others, or from newer ones of the same names."""
    listed = "\n".join(f"{part.uri} {part.learned_at.isoformat()}" for part in parts)
    return hashlib.sha256(listed.encode()).hexdigest()


def check_columns(view: View, columns: Sequence[str]) -> None:
    """Refuse a view that needs a column which is not there. Raises: Unusable."""
    missing = [name for name in view.columns if name not in columns]
    if missing:
        near = difflib.get_close_matches(missing[0], columns, n=1, cutoff=0.0)
        source = view.path or f"the dataset of {view.dataset}"
        fix = (
            f"did you mean {near[0]!r}? it has {', '.join(columns)}" if near else "correct the view's source"
        )
        raise Unusable(f"{source} has no column {missing[0]!r}", fix)


def columns_of(store: Store, part: Part) -> dict[str, dict[str, Any]]:
    """Return the columns of a file of a path with their kinds. Raises: Unusable; RetryLater."""
    schema = _read(store, part, None).schema
    return {field.name: {"kind": kind} for field in schema if (kind := _kind_of(field.type)) is not None}


def read_parts(
    store: Store, view: View, parts: Sequence[Part], columns: Mapping[str, Mapping[str, Any]]
) -> pa.Table:
    """Return the columns that a view needs of some parts, in order. Raises: Unusable; RetryLater."""
    wanted = {name: columns[name] for name in view.columns}
    schema = pa.schema([(name, ARROW_TYPES[each["kind"]]) for name, each in wanted.items()])
    tables = [_conform(_read(store, part, list(wanted)), wanted, part) for part in parts]
    return pa.concat_tables(tables) if tables else schema.empty_table()


def _conform(table: pa.Table, columns: Mapping[str, Mapping[str, Any]], part: Part) -> pa.Table:
    arrays = {}
    for name, column in columns.items():
        kind = column["kind"]
        if name not in table.column_names:  # an older part
            arrays[name] = pa.chunked_array([pa.nulls(table.num_rows, ARROW_TYPES[kind])])
            continue
        try:
            arrays[name] = canonical(table.column(name), kind, name, Form.from_json(column))
        except (StepError, pa.ArrowInvalid) as error:
            raise Unusable(f"{part.uri}: {error}", "correct the file, or leave the column out") from error
    return pa.table(arrays)


def _read(store: Store, part: Part, columns: list[str] | None) -> pa.Table:
    try:
        source = pq.ParquetFile(pa.BufferReader(store.get(part.uri, part.sha256)))
        present = columns if columns is None else [n for n in columns if n in source.schema_arrow.names]
        return source.schema_arrow.empty_table() if columns is None else source.read(columns=present)
    except (ObjectMissing, DigestMismatch, RequestRefused, pa.ArrowInvalid) as error:
        raise Unusable(
            f"{part.uri} cannot be read: {error}", "put it back, or drop the file again"
        ) from error
    except StoreUnavailable as error:
        raise RetryLater(str(error)) from error


def _kind_of(type_: pa.DataType) -> str | None:
    types = pa.types
    if types.is_dictionary(type_):
        return _kind_of(type_.value_type)
    tests = {
        "boolean": types.is_boolean,
        "integer": types.is_integer,
        "number": lambda each: types.is_floating(each) or types.is_decimal(each),
        "text": lambda each: types.is_string(each) or types.is_large_string(each),
        "datetime": lambda each: types.is_timestamp(each) or types.is_date(each),
    }
    return next((kind for kind, test in tests.items() if test(type_)), None)
