"""The file that is scored, and what a model is trained on: eight numbers, two categories and a key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.encoding import Encoding, Feature
from pipelines.encoding.categories import OneHot
from pipelines.encoding.columns import Number
from pipelines.tables import encode_table

NUMBERS = tuple(f"x{n}" for n in range(8))
CATEGORIES = {"country": ("AT", "BE", "DE", "FR", "NL"), "plan": ("basic", "extra", "pro")}
KEY, TARGET = "customer", "answer"
CLASSES = ("no", "yes")
ENCODING = Encoding(
    (
        *(Feature(name, "number", Number()) for name in NUMBERS),
        *(Feature(name, "category", OneHot(of, missing=False)) for name, of in CATEGORIES.items()),
    )
)
GROUP = 100_000
_TRAINED_ON = 20_000


def rows(count: int, first: int) -> pa.Table:
    """Return some rows of the file."""
    rng = np.random.default_rng(first)
    columns: dict[str, Any] = {KEY: np.arange(first, first + count)}
    columns |= {name: rng.normal(size=count) for name in NUMBERS}
    for name, values in CATEGORIES.items():
        codes = pa.array(rng.integers(0, len(values), count).astype(np.int32))
        columns[name] = pa.DictionaryArray.from_arrays(codes, list(values)).dictionary_decode()
    return pa.table(columns)


def make_file(path: Path, count: int) -> None:
    """Write the file, a row group at a time."""
    with pq.ParquetWriter(path, rows(1, 0).schema) as writer:
        for first in range(0, count, GROUP):
            writer.write_table(rows(min(GROUP, count - first), first), row_group_size=GROUP)


def labelled() -> tuple[pa.Table, NDArray[np.float32], NDArray[np.int64]]:
    """Return rows to learn from, the same as a matrix, and the place of each one's class."""
    table = rows(_TRAINED_ON, 10**12)
    matrix = encode_table(ENCODING, table)
    noise = np.random.default_rng(0).normal(size=len(matrix))
    return table, matrix, (matrix[:, 0] + matrix[:, 1] * matrix[:, 8] + noise > 0).astype(np.int64)
