"""Checks a batch of rows against the schema: which rows are good, and for each bad cell why it is bad."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from functions.ingest_data.cells import BadCells, Mask, Rows, pick
from functions.ingest_data.duplicates import SeenKeys, hash_keys
from functions.ingest_data.kinds import TYPES, WORDS, read_cells, to_mask
from functions.ingest_data.refusal import readable
from functions.ingest_data.schema import NUMERIC, Column, DataSchema
from pipelines.spec import Kind
from pipelines.spec.columns import is_number, is_whole

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1


@dataclass(frozen=True)
class Batch:
    """Some rows of a file: columns as they were read, by name, and each row's number in the file."""

    columns: Mapping[str, pa.Array]
    numbers: Rows
    unread: tuple[BadCells, ...] = ()
    """Rows that could not be read at all (ragged, no JSON); they are not among `numbers`."""


@dataclass(frozen=True)
class Verdict:
    """The good rows of a batch, typed, and what is wrong with the others."""

    good: pa.RecordBatch
    bad_rows: int
    cells: tuple[BadCells, ...]
    decimals: frozenset[str]
    """Integer columns with bad cells that are numbers all the same."""


@dataclass
class Checker:
    """Checks the batches of one file in order.

    Args:
        schema: what the rows must keep.
        latest: timestamps after this are refused.
        seen: the entity keys of the file so far.
    """

    schema: DataSchema
    latest: datetime
    seen: SeenKeys
    _arrow: pa.Schema = field(init=False)

    def __post_init__(self) -> None:
        """Fix the type of the good rows."""
        self._arrow = pa.schema([(column.name, TYPES[column.kind]) for column in self.schema.columns])

    @classmethod
    def at(cls, schema: DataSchema, seen: SeenKeys, now: datetime, skew: timedelta) -> Checker:
        """Build a checker for a moment: timestamps may lie at most `skew` after `now`."""
        return cls(schema, now + skew, seen)

    @property
    def arrow_schema(self) -> pa.Schema:
        """The Arrow schema of the good rows."""
        return self._arrow

    def check(self, batch: Batch) -> Verdict:
        """Check one batch."""
        bad: Mask = np.zeros(len(batch.numbers), dtype=bool)
        cells: list[BadCells] = []
        typed: list[pa.Array] = []
        decimals: set[str] = set()
        for column in self.schema.columns:
            raw = batch.columns[column.name]
            with readable(f"column {column.name}"):
                array, wrong = read_cells(raw, column)
                found = [(WORDS[column.kind], wrong)] if wrong.any() else []
                for reason, mask in [*found, *self._broken_rules(column, array, wrong)]:
                    cells.append(pick(column.name, reason, raw, mask, batch.numbers))
                    bad |= mask
                if found and column.kind is Kind.INTEGER and _has_decimals(raw, wrong):
                    decimals.add(column.name)
            typed.append(array)
        good = pa.RecordBatch.from_arrays(typed, schema=self._arrow)
        numbers = batch.numbers
        if bad.any():
            keep = ~bad
            good, numbers = good.filter(pa.array(keep)), numbers[keep]
        good, repeated = self._without_duplicates(good, numbers)
        dropped = len(batch.numbers) - good.num_rows + sum(len(each.rows) for each in batch.unread)
        return Verdict(good, dropped, (*batch.unread, *cells, *repeated), frozenset(decimals))

    def _broken_rules(self, column: Column, array: pa.Array, wrong: Mask) -> Iterator[tuple[str, Mask]]:
        tests = [self._missing(column, array, wrong)]
        if column.kind is Kind.NUMBER:
            tests.append(("not finite", _finite_break(array)))
        tests += _bounds(column, array)
        if column.values is not None:
            allowed = pa.array(_allowed(column), array.type)
            tests.append(("not among the allowed values", _unless(pc.is_in(array, value_set=allowed), array)))
        if column.name == self.schema.timestamp:
            tests += self._moment(column, array)
        for reason, mask in tests:
            if mask is not None and mask.any():
                yield reason, mask

    def _missing(self, column: Column, array: pa.Array, wrong: Mask) -> tuple[str, Mask | None]:
        if column.nullable or not array.null_count:
            return "", None
        reason = "missing"
        if column.name == self.schema.target:
            reason = "the label is missing"
        return reason, to_mask(array.is_null()) & ~wrong

    def _moment(self, column: Column, array: pa.Array) -> list[tuple[str, Mask | None]]:
        type_ = TYPES[Kind.DATETIME]
        tests: list[tuple[str, Mask | None]] = []
        if column.max is None:
            tests.append(("in the future", to_mask(pc.greater(array, pa.scalar(self.latest, type_)))))
        if column.min is None:
            tests.append(("before 1970", to_mask(pc.less(array, pa.scalar(EPOCH, type_)))))
        return tests

    def _without_duplicates(
        self, good: pa.RecordBatch, numbers: Rows
    ) -> tuple[pa.RecordBatch, list[BadCells]]:
        """Keep the first of the good rows with the same entity (and timestamp, when the spec names one)."""
        if self.schema.entity is None or not good.num_rows:
            return good, []
        names = [name for name in (self.schema.entity, self.schema.timestamp) if name is not None]
        repeated = self.seen.repeated(hash_keys([good.column(name) for name in names]))
        if not repeated.any():
            return good, []
        what = " and ".join(names)
        found = pick(
            names[0], f"the same {what} as in an earlier row", good.column(names[0]), repeated, numbers
        )
        return good.filter(pa.array(~repeated)), [found]


def _finite_break(array: pa.Array) -> Mask | None:
    finite = pc.is_finite(array)
    return None if pc.all(finite).as_py() is not False else to_mask(pc.invert(finite))


def _bounds(column: Column, array: pa.Array) -> list[tuple[str, Mask | None]]:
    tests: list[tuple[str, Mask | None]] = []
    if column.kind not in (*NUMERIC, Kind.DATETIME):
        return tests
    if column.min is not None:
        tests.append((f"below the minimum {column.min}", _below(column, array, column.min)))
    if column.max is not None:
        tests.append((f"above the maximum {column.max}", _above(column, array, column.max)))
    return tests


def _below(column: Column, array: pa.Array, bound: float | int | str) -> Mask:
    if column.kind is not Kind.INTEGER or isinstance(bound, str):
        return to_mask(pc.less(array, _bound(bound)))
    if bound > _LARGEST:
        return to_mask(array.is_valid())
    return to_mask(pc.less(array, pa.scalar(math.ceil(max(bound, _SMALLEST)), pa.int64())))


def _above(column: Column, array: pa.Array, bound: float | int | str) -> Mask:
    if column.kind is not Kind.INTEGER or isinstance(bound, str):
        return to_mask(pc.greater(array, _bound(bound)))
    if bound < _SMALLEST:
        return to_mask(array.is_valid())
    return to_mask(pc.greater(array, pa.scalar(math.floor(min(bound, _LARGEST)), pa.int64())))


def _bound(bound: float | int | str) -> pa.Scalar:
    if isinstance(bound, str):
        moment = datetime.fromisoformat(bound)
        return pa.scalar(moment if moment.tzinfo else moment.replace(tzinfo=UTC), TYPES[Kind.DATETIME])
    return pa.scalar(float(bound), pa.float64())


def _allowed(column: Column) -> list[Any]:
    values = column.values or ()
    if column.kind is Kind.INTEGER:
        return [int(value) for value in values if is_whole(value)]
    if column.kind is Kind.NUMBER:
        return [float(value) for value in values if is_number(value)]
    return list(values)


def _unless(fits: pa.Array, array: pa.Array) -> Mask:
    return to_mask(pc.and_(pc.invert(fits), array.is_valid()))


def _has_decimals(raw: pa.Array, wrong: Mask) -> bool:
    number = Column("", Kind.NUMBER)
    numbers, bad = read_cells(raw.filter(pa.array(wrong)), number)
    return bool((~bad & to_mask(numbers.is_valid())).any())
