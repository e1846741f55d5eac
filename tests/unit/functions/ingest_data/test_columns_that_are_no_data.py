"""Columns that a file has and no model should learn from: indexes, nested values, columns without a name."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

Examine = Callable[..., Any]

FRAME = pd.DataFrame({"a": np.arange(100) % 7, "y": np.arange(100) % 2})


def parquet_of(frame: pd.DataFrame) -> bytes:
    sink = io.BytesIO()
    frame.to_parquet(sink)
    return sink.getvalue()


def written(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


@pytest.mark.case("F1", "a shuffled frame's index")
def test_the_index_of_a_shuffled_frame_is_no_feature(examine_bytes: Examine) -> None:
    found = examine_bytes(parquet_of(FRAME.sample(frac=1, random_state=0)), name="a.parquet")

    assert list(found.kinds) == ["a", "y"]
    assert found.warnings == [
        ("__index_level_0__", None, "passed over: the file's pandas metadata calls it the index")
    ]


@pytest.mark.case("F1", "a named index, several levels, no metadata, broken metadata")
def test_what_pandas_calls_the_index_is_passed_over_unless_the_spec_names_it(examine_bytes: Examine) -> None:
    named = parquet_of(FRAME.assign(id=range(100)).set_index("id"))
    levels = parquet_of(FRAME.assign(g=1, h=2).set_index(["g", "h"]))
    without = written(pa.table({"__index_level_0__": [3, 1, 2], "a": [1, 2, 3], "y": [0, 1, 0]}))
    broken = written(pa.table({"a": [1, 2], "y": [0, 1]}).replace_schema_metadata({"pandas": "{"}))

    assert list(examine_bytes(named, name="a.parquet").kinds) == ["a", "y"]
    assert list(examine_bytes(named, "{target: y, entity: id}", name="a.parquet").kinds) == ["a", "y", "id"]
    assert list(examine_bytes(named, "{target: y, schema: {id: int}}", name="a.parquet").kinds) == [
        "a",
        "y",
        "id",
    ]
    assert list(examine_bytes(levels, name="a.parquet").kinds) == ["a", "y"]
    assert list(examine_bytes(without, name="a.parquet").kinds) == ["a", "y"]
    assert list(examine_bytes(broken, name="a.parquet").kinds) == ["a", "y"]


def test_a_dataset_that_keeps_an_index_column_goes_on_with_it(examine_bytes: Examine) -> None:
    shuffled = parquet_of(FRAME.sample(frac=1, random_state=0))
    kept = examine_bytes(
        shuffled, "{target: y, schema: {__index_level_0__: int}}", name="a.parquet"
    ).part.schema

    assert "__index_level_0__" in examine_bytes(shuffled, name="a.parquet", kept=kept).kinds


@pytest.mark.case("F1", "the same through CSV and Excel")
def test_an_index_that_went_through_csv_twice_is_no_feature(examine_bytes: Examine) -> None:
    once = FRAME.sample(frac=1, random_state=0).to_csv()
    twice = pd.read_csv(io.StringIO(once)).to_csv(index=False)

    for text in (once, twice):
        found = examine_bytes(text.encode())
        assert list(found.kinds) == ["a", "y"]
        assert len(found.warnings) == 1


@pytest.mark.case("F3", "one nested Parquet column")
@pytest.mark.parametrize(
    "column",
    [
        pa.array([[1], [2]]),
        pa.array([{"k": 1}, {"k": 2}]),
        pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.int64())),
        pa.array([b"x", b"y"]),
        pa.array([1, 2], pa.time64("us")),
        pa.array([1, 2], pa.duration("s")),
    ],
)
def test_a_parquet_column_of_no_plain_values_is_passed_over_with_a_warning(
    examine_bytes: Examine, column: pa.Array
) -> None:
    found = examine_bytes(written(pa.table({"n": column, "a": [1, 2], "y": [0, 1]})), name="a.parquet")

    assert list(found.kinds) == ["a", "y"]
    ((name, _, message),) = found.warnings
    assert (name, message.startswith("passed over: its type is ")) == ("n", True)


@pytest.mark.case("F3", "a nested column that must be there")
def test_a_nested_column_with_a_role_refuses_the_file_with_the_fix(examine_bytes: Examine) -> None:
    raw = written(pa.table({"n": [[1], [2]], "y": [0, 1]}))
    refusal = examine_bytes(raw, "{target: y, schema: {n: float}}", name="a.parquet").refusal

    assert refusal.reason == "a column holds no plain values"
    assert refusal.problems[0].where == "column n"


@pytest.mark.case("F3", "a nested JSON column")
def test_a_json_column_of_objects_or_lists_is_passed_over_with_a_warning(examine_bytes: Examine) -> None:
    rows = [{"a": n, "tags": ["x", str(n)], "at": {"lat": n}, "y": n % 2} for n in range(50)]
    rows[7]["a"] = [7]
    spec = "{target: y, schema: {a: int}}"
    found = examine_bytes("\n".join(map(json.dumps, rows)).encode(), spec, name="a.jsonl")

    assert list(found.kinds) == ["a", "y"]
    assert [(name, count) for name, count, _ in found.warnings] == [("tags", 50), ("at", 50)]
    assert found.bad == [(8, "a", "[7]", "not a whole number")]


def test_an_event_carries_at_most_fifty_warnings(examine_bytes: Examine) -> None:
    from functions.data_files.data_warnings import bounded

    columns = {f"n{number}": [[1], [2]] for number in range(80)}
    found = examine_bytes(written(pa.table({**columns, "a": [1, 2], "y": [0, 1]})), name="a.parquet")
    said = bounded(found.processed.warnings)

    assert len(found.processed.warnings) == 80
    assert (len(said), said[-1].message, said[-1].count) == (50, "31 more warnings", 31)
