"""Tables go in as DataFrames or lists of dicts, and come out as DataFrames."""

from __future__ import annotations

import json
import math
import sys
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kascade.tables import frame_of, json_lines, rows_of, times


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (pd.Series([1, 2]), [1, 2]),
        (pd.Series([1, None], dtype="Int64"), [1, None]),
        (pd.Series([1.5, math.nan]), [1.5, None]),
        (pd.Series([1e300, math.inf]), [1e300, None]),
        (pd.Series([True, None], dtype="boolean"), [True, None]),
        (pd.Series(["007", None]), ["007", None]),
        (pd.Series(["a", "b"], dtype="category"), ["a", "b"]),
        (pd.Series([pd.Timestamp("2026-01-02T03:04:05Z"), pd.NaT]), ["2026-01-02T03:04:05+00:00", None]),
        (pd.Series([np.float32(0.5), np.int8(3)], dtype=object), [0.5, 3]),
    ],
)
def test_a_frame_becomes_rows_of_json_values(column: pd.Series[Any], values: list[Any]) -> None:
    rows = rows_of(pd.DataFrame({"x": column, 7: 1}))
    assert rows == [{"x": value, "7": 1} for value in values]
    assert [json.loads(line) for line in json_lines(rows).splitlines()] == rows


def test_a_list_of_dicts_is_a_table_too() -> None:
    when = datetime(2026, 1, 2, tzinfo=UTC)
    rows = rows_of([{"x": math.nan, "at": when, "day": date(2026, 1, 2)}, {"x": np.int64(4)}])
    assert rows == [{"x": None, "at": when.isoformat(), "day": "2026-01-02"}, {"x": 4}]
    assert rows_of([]) == []


@pytest.mark.parametrize("table", ["text", [1, 2], {"x": [1]}, None])
def test_what_is_no_table_is_told(table: Any) -> None:
    with pytest.raises(TypeError, match="a table is a DataFrame or a list of dicts, not"):
        rows_of(table)


def test_columns_that_come_twice_and_values_without_a_form_in_json_are_named() -> None:
    with pytest.raises(ValueError, match="columns come twice: 1"):
        rows_of(pd.DataFrame([[1, 2]], columns=[1, "1"]))
    with pytest.raises(TypeError, match=r"b'\\xff' has no form in JSON"):
        rows_of([{"x": b"\xff"}])


def test_a_table_without_rows_has_its_columns() -> None:
    frame = times(frame_of([], ("time", "type")), "time")
    assert list(frame.columns) == ["time", "type"]
    assert isinstance(frame["time"].dtype, pd.DatetimeTZDtype)


def test_without_pandas_the_extra_to_install_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ModuleNotFoundError, match=r"install kascade\[client\]"):
        frame_of([])
