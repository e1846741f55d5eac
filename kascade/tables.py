"""Tables that come from people, and tables for them: rows of JSON values, and pandas DataFrames."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import pandas as pd

Row: TypeAlias = dict[str, Any]
Table: TypeAlias = "pd.DataFrame | Sequence[Mapping[str, Any]]"
"""A DataFrame, or a list with an object of named values for each row."""


def rows_of(table: Table, only: Collection[str] | None = None) -> list[Row]:
    """Return the rows of a table as JSON values; what is missing (NaN, NaT, NA) is None.

    Args:
        table: what a person gave.
        only: the columns that are taken, all by default.

    Raises:
        ValueError: a column comes twice.
        TypeError: it is no table, or a value has no form in JSON.
    """
    if isinstance(table, Sequence) and all(isinstance(row, Mapping) for row in table):
        named = [{str(name): value for name, value in row.items()} for row in table]
    elif isinstance(table, Sequence) or not hasattr(table, "itertuples"):
        raise TypeError(f"a table is a DataFrame or a list of dicts, not {type(table).__name__}")
    else:
        names = [str(name) for name in table.columns]
        if len(set(names)) < len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise ValueError(f"columns come twice: {', '.join(twice)}")
        # What is missing has many forms in a frame, and each frame knows its own.
        cells, known = (each.itertuples(index=False, name=None) for each in (table, table.notna()))
        named = [
            {name: value if there else None for name, value, there in zip(names, *row, strict=True)}
            for row in zip(cells, known, strict=True)
        ]
    return [
        {name: _plain(value) for name, value in row.items() if only is None or name in only} for row in named
    ]


def json_lines(rows: Iterable[Row]) -> bytes:
    """Return rows as a JSON Lines file, which keeps text that looks like a number as text."""
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


def frame_of(rows: Sequence[Row], columns: Sequence[str] = (), index: Any = None) -> pd.DataFrame:
    """Return rows as a DataFrame.

    Args:
        columns: come first, and are there when no row has them.
        index: of the frame; the rows' numbers by default.

    Raises:
        ModuleNotFoundError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("tables come out as pandas DataFrames: install kascade[client]") from error
    names = dict.fromkeys((*columns, *(name for row in rows for name in row)))
    return pd.DataFrame(list(rows), columns=list(names), index=index)


def times(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Return the frame with columns of ISO 8601 texts as times in UTC."""
    import pandas as pd

    return frame.assign(**{name: pd.to_datetime(frame[name], utc=True, format="ISO8601") for name in columns})


def number_of(text: str) -> int | float | None:
    """Return the finite number that a text is; None if it is none."""
    text = text.strip()
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime | date | time):
        return None if value != value else value.isoformat()  # NaT is a datetime that equals nothing
    if hasattr(value, "item"):  # a numpy scalar
        return _plain(value.item())
    raise TypeError(f"{value!r} has no form in JSON: write it as a number or a text")
