"""Odd values in JSON, Parquet and Excel, where values have types."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
from support.odd_value_files import OddValues, excel, lines, merged, parquet

BIG = 2**53 + 1
WITH_TYPES: tuple[OddValues, ...] = (
    OddValues(
        "2^53 + 1, in JSON", "a.jsonl", lines(str(BIG), str(BIG + 2)), "integer", (BIG, BIG + 2), "==="
    ),
    OddValues("NaN as Python writes it in JSON", "a.jsonl", lines("NaN", "2"), "integer", (None, 2), "==="),
    OddValues("NaN in Parquet", "a.parquet", parquet([1.5, float("nan")] * 5), "number", (1.5, None), "==="),
    OddValues(
        "an empty text in Parquet",
        "a.parquet",
        parquet(["", " x "] * 5),
        "category",
        (None, "x"),
        "≠≠≠",
        "missing, as in CSV; spaces around are no part of a value",
    ),
    OddValues(
        "true, in JSON also as text and number",
        "a.jsonl",
        lines("true", '"false"', "1"),
        "boolean",
        (True, False, True),
        "≠–≠",
        "JSON has all three",
    ),
    OddValues(
        "decimals",
        "a.parquet",
        parquet(pa.array([Decimal("12.50"), None] * 4, pa.decimal128(12, 2))),
        "number",
        (12.5, None),
        "===",
    ),
    OddValues(
        "large decimals",
        "a.parquet",
        parquet(pa.array([Decimal("12.50"), None] * 4, pa.decimal256(50, 2))),
        "number",
        (12.5, None),
        "==≠",
        "DuckDB reads 12.50 as 209715200",
    ),
    OddValues(
        "a dictionary",
        "a.parquet",
        parquet(pa.array(["x", None] * 4).dictionary_encode()),
        "category",
        ("x", None),
        "===",
    ),
    OddValues(
        "a dictionary of numbers",
        "a.parquet",
        parquet(pa.array([BIG, None] * 4).dictionary_encode()),
        "integer",
        (BIG, None),
        "≠==",
        "pandas makes floats of them",
    ),
    OddValues(
        "large texts",
        "a.parquet",
        parquet(pa.array(["x", None] * 4, pa.large_string())),
        "category",
        ("x", None),
        "===",
    ),
    OddValues(
        "half floats",
        "a.parquet",
        parquet(pa.array(np.array([1.5, 2.5] * 4, np.float16))),
        "number",
        (1.5, 2.5),
        "===",
    ),
    OddValues("an empty column", "a.parquet", parquet(pa.nulls(4)), "category", (None,), "==="),
    OddValues(
        "mixed values in JSON",
        "a.jsonl",
        lines("1", '"x"', "true"),
        "category",
        ("1", "x", "true"),
        "≠–≠",
        "texts, as they are written in JSON",
    ),
    OddValues(
        "numbers as text in JSON",
        "a.jsonl",
        lines('"1.5"', '"2"'),
        "number",
        (1.5, 2),
        "=≠≠",
        "numbers, as in CSV",
    ),
    OddValues(
        "a percentage of Excel", "a.xlsx", excel(0.055, number_format="0.0%"), "number", (0.055,), "=––"
    ),
    OddValues("booleans of Excel", "a.xlsx", excel(True, False), "boolean", (True, False), "=––"),
    OddValues("a merged cell", "a.xlsx", merged(), "category", ("x", "z", None), "=––"),
)
