"""Describes the good rows of a part, column by column, as they stream by.

Count, missing, smallest, largest, mean and standard deviation are exact. Quantiles come from an evenly
spaced sample of at most 20,000 rows. Frequent values are exact until a column has more than 5,000 distinct
ones, or 4 MiB of them; from then on only the values met before are counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from functions.ingest_data.schema import NUMERIC, Column, DataSchema
from pipelines.spec import Kind

_SAMPLE = 20_000
_DISTINCT = 5_000
_DISTINCT_TEXT = 4 << 20
_TOP = 20
_QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


@dataclass
class Profile:
    """The profile of the rows added so far."""

    schema: DataSchema
    rows: int = 0
    _columns: list[_ColumnProfile] = field(init=False)
    _measured: list[str] = field(init=False)
    """The columns that quantiles are of."""
    _stride: int = 1
    _sampled: list[pa.RecordBatch] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin with no rows."""
        self._columns = [_profile_of(column) for column in self.schema.columns]
        self._measured = [column.name for column in self.schema.columns if column.kind in NUMERIC]

    def add(self, batch: pa.RecordBatch) -> None:
        """Add some good rows, in the order of the file."""
        for column, array in zip(self._columns, batch.columns, strict=True):
            column.add(array)
        self._sample(batch)
        self.rows += batch.num_rows

    def _sample(self, batch: pa.RecordBatch) -> None:
        """Keep every `stride`-th row of the file, doubling the stride when there are too many."""
        limit = max(200, min(_SAMPLE, 4_000_000 // max(1, len(self._columns))))
        first = -self.rows % self._stride
        picked = np.arange(first, batch.num_rows, self._stride)
        if len(picked) and self._measured:
            self._sampled.append(batch.select(self._measured).take(pa.array(picked)))
        while sum(each.num_rows for each in self._sampled) > limit:
            table = pa.Table.from_batches(self._sampled).combine_chunks()
            halved = table.take(pa.array(np.arange(0, table.num_rows, 2))).combine_chunks()
            self._sampled = halved.to_batches()
            self._stride *= 2

    def to_json(self, **facts: Any) -> dict[str, Any]:
        """Write the profile, with further facts about the file."""
        table = pa.Table.from_batches(self._sampled) if self._sampled else None
        columns = []
        for column in self._columns:
            name = column.column.name
            if table is None or name not in self._measured:
                columns.append(column.to_json(self.rows, None))
            else:
                columns.append(column.to_json(self.rows, table.column(name).combine_chunks()))
        return {"rows": self.rows, **facts, "columns": columns}


@dataclass
class _ColumnProfile:
    column: Column
    missing: int = 0

    def add(self, array: pa.Array) -> None:
        self.missing += array.null_count

    def to_json(self, rows: int, sample: pa.Array | None) -> dict[str, Any]:
        count = rows - self.missing
        head = {
            "name": self.column.name,
            "kind": self.column.kind.value,
            "count": count,
            "missing": self.missing,
        }
        return {**head, **self.details(count, sample)}

    def details(self, count: int, sample: pa.Array | None) -> dict[str, Any]:
        return {}


@dataclass
class _Numbers(_ColumnProfile):
    """Mean and squared deviations are merged batch by batch (Chan, Golub and LeVeque)."""

    low: float = math.inf
    high: float = -math.inf
    mean: float = 0.0
    squares: float = 0.0
    counted: int = 0

    def add(self, array: pa.Array) -> None:
        super().add(array)
        count = len(array) - array.null_count
        if not count:
            return
        low, high = pc.min_max(array).as_py().values()
        self.low, self.high = min(self.low, low), max(self.high, high)
        mean = float(pc.mean(array).as_py())
        squares = float(pc.variance(array).as_py()) * count
        total = self.counted + count
        delta = mean - self.mean
        self.squares += squares + delta * delta * self.counted * count / total
        self.mean += delta * count / total
        self.counted = total

    def details(self, count: int, sample: pa.Array | None) -> dict[str, Any]:
        if not count:
            return {}
        shape = {"min": self.low, "max": self.high, "mean": self.mean, "std": math.sqrt(self.squares / count)}
        return {**{name: _finite(value) for name, value in shape.items()}, "quantiles": _quantiles(sample)}


@dataclass
class _Timestamps(_ColumnProfile):
    low: Any = None
    high: Any = None

    def add(self, array: pa.Array) -> None:
        super().add(array)
        if array.null_count < len(array):
            low, high = pc.min_max(array.cast(pa.int64())).as_py().values()
            self.low = low if self.low is None else min(self.low, low)
            self.high = high if self.high is None else max(self.high, high)

    def details(self, count: int, sample: pa.Array | None) -> dict[str, Any]:
        return {"min": _iso(self.low), "max": _iso(self.high)} if count else {}


@dataclass
class _Texts(_ColumnProfile):
    counts: dict[str, int] = field(default_factory=dict)
    complete: bool = True
    length: int = 0

    def add(self, array: pa.Array) -> None:
        super().add(array)
        found = pc.value_counts(array.drop_null())
        if len(found) > _DISTINCT and len(self.counts) >= _DISTINCT:
            self.complete = False
            found = found.filter(
                pc.is_in(found.field("values"), value_set=pa.array(list(self.counts), pa.string()))
            )
        for value, count in zip(
            found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True
        ):
            known = self.counts.get(value)
            if known is not None:
                self.counts[value] = known + count
            elif len(self.counts) < _DISTINCT and self.length + len(value) <= _DISTINCT_TEXT:
                self.counts[value] = count
                self.length += len(value)
            else:
                self.complete = False

    def details(self, count: int, sample: pa.Array | None) -> dict[str, Any]:
        top = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))[:_TOP]
        return {
            "distinct": len(self.counts),
            "distinct_complete": self.complete,
            "top": [
                {"value": value if len(value) <= 200 else value[:199] + "…", "count": n} for value, n in top
            ],
        }


@dataclass
class _Booleans(_ColumnProfile):
    true: int = 0

    def add(self, array: pa.Array) -> None:
        super().add(array)
        self.true += pc.sum(array).as_py() or 0

    def details(self, count: int, sample: pa.Array | None) -> dict[str, Any]:
        top = sorted((("true", self.true), ("false", count - self.true)), key=lambda item: -item[1])
        return {"top": [{"value": value, "count": n} for value, n in top if n]}


def _profile_of(column: Column) -> _ColumnProfile:
    if column.kind in NUMERIC:
        return _Numbers(column)
    if column.kind is Kind.DATETIME:
        return _Timestamps(column)
    return _Booleans(column) if column.kind is Kind.BOOLEAN else _Texts(column)


def _quantiles(sample: pa.Array | None) -> dict[str, float]:
    if sample is None or sample.null_count == len(sample):
        return {}
    values = pc.quantile(sample, q=list(_QUANTILES)).to_pylist()
    return {f"{q:g}": value for q, value in zip(_QUANTILES, values, strict=True)}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _iso(micros: int) -> str:
    return str(np.datetime64(micros, "us")) + "Z"
