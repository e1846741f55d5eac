"""Parquet and JSON Lines, with their own types and their own damage."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

Examine = Callable[..., Any]


def test_parquet_is_read_by_row_groups_with_its_own_types(examine_bytes: Examine) -> None:
    table = pa.table(
        {
            "i": pa.array([1, 2, None], pa.int32()),
            "f": pa.array([1.5, float("nan"), float("inf")], pa.float32()),
            "d": pa.array(["x", "y", None]).dictionary_encode(),
            "b": pa.array([True, False, None]),
            "t": pa.array([0, 1, 2], pa.timestamp("ns", tz="Europe/Amsterdam")),
            "day": pa.array([0, 1, 2], pa.date32()),
            "y": pa.array([1, 0, 1], pa.uint8()),
        }
    )
    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=1)
    found = examine_bytes(sink.getvalue(), "{target: y, ingest: {tolerated_bad_rows: 0.4}}", name="a.parquet")

    assert found.kinds == {
        "i": "integer",
        "f": "number",
        "d": "category",
        "b": "boolean",
        "t": "datetime",
        "day": "datetime",
        "y": "integer",
    }
    assert [row["f"] for row in found.good] == [1.5, None]
    assert found.bad == [(3, "f", "inf", "not finite")]


@pytest.mark.parametrize(
    ("column", "spec", "cells"),
    [
        (pa.array([1.5, 2.0]), "{a: int}", [(1, "a", "1.5", "not a whole number")]),
        (pa.array([2**64 - 1, 1], pa.uint64()), "{a: int}", [(1, "a", str(2**64 - 1), "not a whole number")]),
        (pa.array([2, 1]), "{a: bool}", [(1, "a", "2", "not true or false")]),
        (pa.array(["x", "1"]), "{a: float}", [(1, "a", "x", "not a number")]),
        (
            pa.array([0, 1], pa.date32()),
            "{a: {values: [1970-01-02]}}",
            [(1, "a", "1970-01-01", "not among the allowed values")],
        ),
    ],
)
def test_parquet_types_that_do_not_fit_the_spec_are_bad_cells(
    examine_bytes: Examine, column: pa.Array, spec: str, cells: list[Any]
) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"a": column, "y": [1, 2]}), sink)
    text = f"{{target: y, schema: {spec}, ingest: {{tolerated_bad_rows: 0.5}}}}"

    assert examine_bytes(sink.getvalue(), text, name="a.parquet").bad == cells


def test_parquet_that_cannot_be_taken_says_why(examine_bytes: Examine) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"a": [1, 2], "y": [[1], [2]]}), sink)
    nested = sink.getvalue()
    empty = io.BytesIO()
    pq.write_table(pa.table({"a": pa.array([], pa.int64()), "y": pa.array([], pa.int64())}), empty)

    assert examine_bytes(nested, name="a.parquet").refusal.reason == "a column holds no plain values"
    assert examine_bytes(nested[:-20], name="a.parquet").refusal.reason == "not a Parquet file"
    assert examine_bytes(b"PAR1", name="a.parquet").refusal.reason == "not a Parquet file"
    assert (
        examine_bytes(empty.getvalue(), name="a.parquet").refusal.reason
        == "the file has a header but no rows"
    )
    damaged = bytearray(io_parquet(50_000))
    damaged[200:4000] = bytes(3800)
    assert examine_bytes(bytes(damaged), name="a.parquet").refusal.reason == "the Parquet file is damaged"


def io_parquet(rows: int) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"a": list(range(rows)), "y": [1] * rows}), sink, use_dictionary=False)
    return sink.getvalue()


def test_json_lines_are_read_and_bad_lines_quarantined(examine_bytes: Examine) -> None:
    rows = [
        {"a": 1, "b": "x", "y": 1},
        {"a": 2.5, "y": 0, "b": None},
        {"b": "z", "a": "3", "y": 1},
    ]
    raw = "\n".join([*map(json.dumps, rows), "", "{broken", "[1]", '"text"', ""]).encode()
    found = examine_bytes(raw, "{target: y, ingest: {tolerated_bad_rows: 0.5}}", name="a.jsonl")

    assert [row["a"] for row in found.good] == [1.0, 2.5, 3.0]
    assert found.bad == [
        (5, "", "{broken", "not a JSON object"),
        (6, "", "[1]", "not a JSON object"),
        (7, "", '"text"', "not a JSON object"),
    ]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'[{"a": 1}]', "missing column: y"),
        (b"[1, 2]", "not JSON Lines"),
        (b"a,y\n1,2\n", "not JSON Lines"),
        (b'{"a": 1}\n', "missing column: y"),
        (b"{}\n{}\n", "not JSON Lines"),
    ],
)
def test_json_that_is_no_json_lines_says_so(examine_bytes: Examine, raw: bytes, reason: str) -> None:
    assert examine_bytes(raw, name="a.json").refusal.reason == reason


def test_json_numbers_beyond_64_bits_are_bad_not_a_crash(examine_bytes: Examine) -> None:
    raw = (
        b'{"a": 1, "y": 1}\n' * 60
        + b'{"a": 123456789012345678901234567890, "y": 1}\n{"a": {"n": [1]}, "y": 1}\n'
    )
    found = examine_bytes(raw, "{target: y, schema: {a: int}}", name="a.jsonl")

    assert [row for row, *_ in found.bad] == [61, 62]


def test_bad_cells_of_every_type_can_be_written_down(examine_bytes: Examine) -> None:
    columns = {
        "a": pa.array([1, 2], pa.timestamp("ns", tz="Asia/Tokyo")),
        "b": pa.array([2**62, 1], pa.timestamp("ms")),
        "c": pa.array(["x", "y"]).dictionary_encode(),
        "d": pa.array([1, 2]).cast(pa.decimal128(30, 2)),
        "y": pa.array([1, 2]),
    }
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, version="2.6")
    spec = "{target: y, schema: {a: {values: [q]}, b: {values: [q]}, c: int, d: {values: [q]}}}"
    found = examine_bytes(sink.getvalue(), spec, name="a.parquet")

    assert found.refusal.reason == "all 2 rows are bad"
    assert {row[1] for row in found.bad} == {"a", "b", "c", "d"}


def test_moments_beyond_the_calendar_are_bad_cells(examine_bytes: Examine) -> None:
    sink = io.BytesIO()
    moments = pa.array([2**62, 1_000, -(2**50)], pa.timestamp("ms"))
    pq.write_table(pa.table({"a": pa.array([1, 1, 1]), "t": moments}), sink)
    found = examine_bytes(sink.getvalue(), "{target: a, ingest: {tolerated_bad_rows: 0.7}}", name="a.parquet")

    assert [row["t"].isoformat() for row in found.good] == ["1970-01-01T00:00:01+00:00"]
    assert [(row, reason) for row, _, _, reason in found.bad] == [
        (1, "not a date or time"),
        (3, "not a date or time"),
    ]


@pytest.mark.parametrize("spec", ["{x: category}", "{x: datetime}", "{}"])
def test_half_floats_are_read_as_other_floats_are(examine_bytes: Examine, spec: str) -> None:
    def reasons(type_: pa.DataType) -> set[str]:
        sink = io.BytesIO()
        pq.write_table(pa.table({"x": pa.array([1.0, 2.5], type_), "y": ["a", "b"]}), sink)
        found = examine_bytes(sink.getvalue(), f"{{target: y, schema: {spec}}}", name="a.parquet")
        return {reason for *_, reason in found.bad}

    assert reasons(pa.float16()) == reasons(pa.float64())


def test_nan_and_infinity_as_python_writes_them_mean_what_they_mean_in_csv(examine_bytes: Examine) -> None:
    rows = [
        {"x": 1.5, "c": "a", "y": 1},
        {"x": math.nan, "c": 'NaN "NaN" \\', "y": 1},
        {"x": -math.inf, "c": "b", "y": 1},
        {"x": 2.5, "c": math.nan, "y": 1},
    ]
    raw = "\n".join(map(json.dumps, rows)).encode() + b'\n{"x": -NaN, "y": 1}\n'
    spec = "{target: y, schema: {x: float, c: category}, ingest: {tolerated_bad_rows: 0.5}}"
    found = examine_bytes(raw, spec, name="a.jsonl")

    assert [(row["x"], row["c"]) for row in found.good] == [
        (1.5, "a"),
        (None, 'NaN "NaN" \\'),
        (2.5, None),
    ]
    assert [cell[:3] for cell in found.bad] == [(3, "x", "-Infinity"), (5, "", '{"x": -NaN, "y": 1}')]
