"""Parquet files at ingest_data: bytes of a writer, damaged."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from fuzz.targets._ingest import read

_COLUMNS: dict[str, Any] = {
    "a": pa.array([1, 2, None], pa.uint64()),
    "b": pa.array(["x", "y", None]).dictionary_encode(),
    "t": pa.array([0, 1, 2], pa.timestamp("ns", tz="Europe/Amsterdam")),
    "d": pa.array([Decimal("1.10"), None, Decimal("2.25")]),
    "n": pa.array([{"x": 1}, None, {"x": 2}]),
    "y": pa.array([1.5, float("nan"), float("inf")], pa.float32()),
}


def _written(**options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(_COLUMNS), sink, **options)
    return sink.getvalue()


SEEDS = [
    _written(),
    _written(row_group_size=1, compression="gzip", data_page_version="2.0", use_dictionary=False),
]
TOKENS = [b"PAR1", b"PARE", b"\xff\xff\xff\x7f", b"\x80\x80\x80\x80\x08", b"\0\0\0\0"]


def run(data: bytes) -> None:
    """Read the file."""
    read(data, "data.parquet")
