"""How pandas, Arrow and DuckDB read a file by its name, with nothing said."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.dataset as pa_dataset
import pyarrow.json as pa_json
import pyarrow.parquet as pq
from support.odd_files import OTHER, REFUSED, SAME

Rows = list[dict[str, Any]]


def by_pandas(path: Path) -> Rows:
    """Read a file as pandas does by its name."""
    match path.suffix:
        case ".parquet":
            frame = pd.read_parquet(path)
        case ".jsonl":
            frame = pd.read_json(path, lines=True)
        case ".json":
            frame = pd.read_json(path)
        case ".xlsx":
            frame = pd.read_excel(path)
        case _:
            frame = pd.read_csv(path)
    return frame.to_dict("records")


def by_arrow(path: Path) -> Rows:
    """Read a file as Arrow does by its name; one in a folder key=value as a data set."""
    if "=" in path.parent.name:
        found = pa_dataset.dataset(path.parents[1], format="csv", partitioning="hive").to_table()
    elif path.suffix == ".parquet":
        found = pq.read_table(path)
    elif path.suffix in (".json", ".jsonl"):
        found = pa_json.read_json(path)
    else:
        found = pa_csv.read_csv(path)
    return _rows(found)


def by_duckdb(path: Path) -> Rows:
    """Read a file as DuckDB does by its name."""
    with duckdb.connect() as connection:
        return _rows(connection.sql(f"SELECT * FROM '{path}'").to_arrow_table())  # noqa: S608 - a test's own path


READERS: dict[str, Callable[[Path], Rows]] = {"pandas": by_pandas, "arrow": by_arrow, "duckdb": by_duckdb}


def _rows(table: pa.Table) -> Rows:
    if len(set(table.column_names)) < len(table.column_names):
        raise ValueError("two columns have one name")
    rows: Rows = table.to_pylist()
    return rows


def plain(rows: Rows) -> Rows:
    """Write rows so that types do not count: numbers as floats, moments as text, missing as absent."""
    return [{str(name): _plain(value) for name, value in row.items() if not _missing(value)} for row in rows]


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value)) or value is pd.NaT


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    with contextlib.suppress(TypeError, ValueError):
        return float(value)
    return str(value)


def outcome(reader: Callable[[Path], Rows], path: Path, ours: Rows | None) -> str:
    """Say how a reader takes a file: refuses it, reads what we read, or reads it otherwise."""
    try:
        rows = plain(reader(path))
    except Exception:  # whatever a reader raises
        return REFUSED
    return SAME if ours is not None and rows == plain(ours) else OTHER


def typed(value: Any) -> Any:
    """Write a value so that only its kind counts: a number, a moment in UTC, a truth, a text, or missing."""
    if _missing(value) or value is pd.NA:
        return None
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime):
        moment = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        return moment.replace(microsecond=moment.microsecond).isoformat()
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC).isoformat()
    return value if isinstance(value, int | float | str) else str(value)


def typed_outcome(reader: Callable[[Path], Rows], path: Path, ours: list[Any]) -> str:
    """Say how a reader takes the values of the column `a`: as `outcome`."""
    try:
        values = [typed(row.get("a")) for row in reader(path)]
    except Exception:  # whatever a reader raises
        return REFUSED
    same = len(values) == len(ours) and all(
        _same(*pair) for pair in zip(values, map(typed, ours), strict=True)
    )
    return SAME if same else OTHER


def _same(one: Any, other: Any) -> bool:
    kinds = [
        bool if isinstance(each, bool) else str if isinstance(each, str) else float for each in (one, other)
    ]
    return one is other or (one == other and kinds[0] is kinds[1])
