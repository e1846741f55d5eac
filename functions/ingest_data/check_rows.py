"""Checks a batch of rows against the schema: which rows are good, and for each bad cell why it is bad."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from functions.data_files.refusal import readable
from functions.data_files.rows import BadCells, Batch, Mask, Rows, bad_cells_at
from functions.ingest_data.duplicates import SeenKeys, hash_keys
from functions.ingest_data.schema import NUMERIC, Column, DataSchema
from pipelines.spec import Kind
from pipelines.spec.columns import is_number, is_whole
from pipelines.values.arrays import ARROW_TYPES, read_array, to_mask
from pipelines.values.form import Form

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1
_WIDEN_SHARE = 0.05

PROBLEMS = {
    Kind.NUMBER: "not a number",
    Kind.INTEGER: "not a whole number",
    Kind.BOOLEAN: "not true or false",
    Kind.CATEGORY: "not a plain value",
    Kind.TEXT: "not a plain value",
    Kind.DATETIME: "not a date or time",
}


@dataclass(frozen=True)
class CheckedBatch:
    """The good rows of a batch, typed, and what is wrong with the others."""

    good: pa.RecordBatch
    bad_rows: int
    bad_cells: tuple[BadCells, ...]
    wider: Mapping[str, Kind]
    """Columns of whole numbers with cells that are other numbers, and the kind that would hold them."""
    unlabelled: int = 0
    """How many of the good rows have no label."""


@dataclass
class Checker:
    """Checks the batches of one file in order.

    Args:
        schema: what the rows must keep.
        latest: timestamps after this are refused.
        seen: the entity keys of the file so far.
        forms: how this file writes its values, where it differs from the schema.

    Attributes:
        arrow_schema: of the good rows.
    """

    schema: DataSchema
    latest: datetime
    seen: SeenKeys
    forms: Mapping[str, Form] = field(default_factory=dict)
    arrow_schema: pa.Schema = field(init=False)

    def __post_init__(self) -> None:
        """Fix the types of the good rows."""
        columns = self.schema.columns
        self.arrow_schema = pa.schema([(column.name, ARROW_TYPES[column.kind]) for column in columns])

    def check(self, batch: Batch) -> CheckedBatch:
        """Check one batch."""
        bad: Mask = np.zeros(len(batch.numbers), dtype=bool)
        cells: list[BadCells] = []
        typed: list[pa.Array] = []
        wider: dict[str, Kind] = {}
        for column in self.schema.columns:
            raw = batch.columns[column.name]
            with readable(f"column {column.name}"):
                form = self.forms.get(column.name, column.form)
                array, wrong = read_array(raw, column.kind, form)
                found = [(PROBLEMS[column.kind], wrong)] if wrong.any() else []
                for reason, mask in [*found, *self._broken_rules(column, array, wrong)]:
                    cells.append(bad_cells_at(column.name, reason, raw, mask, batch.numbers))
                    bad |= mask
                if found and column.kind is Kind.INTEGER:
                    kind = _wider_kind(raw, wrong, form)
                    wider |= {} if kind is None else {column.name: kind}
            typed.append(array)
        good = pa.RecordBatch.from_arrays(typed, schema=self.arrow_schema)
        numbers = batch.numbers
        if bad.any():
            keep = ~bad
            good, numbers = good.filter(pa.array(keep)), numbers[keep]
        good, repeated = self._without_duplicates(good, numbers)
        dropped = len(batch.numbers) - good.num_rows + sum(len(each.rows) for each in batch.unreadable)
        unlabelled = good.column(self.schema.target).null_count
        return CheckedBatch(good, dropped, (*batch.unreadable, *cells, *repeated), wider, unlabelled)

    def _broken_rules(self, column: Column, array: pa.Array, wrong: Mask) -> Iterator[tuple[str, Mask]]:
        tests = [self._missing(column, array, wrong)]
        if column.kind is Kind.NUMBER:
            tests.append(("not finite", _finite_break(array)))
        tests += _bounds(column, array)
        if column.values is not None:
            allowed = pa.array(_allowed(column), array.type)
            tests.append(("not among the allowed values", _unless(pc.is_in(array, value_set=allowed), array)))
        if column.name == self.schema.timestamp:
            tests += self._timestamp_range(column, array)
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

    def _timestamp_range(self, column: Column, array: pa.Array) -> list[tuple[str, Mask | None]]:
        type_ = ARROW_TYPES[Kind.DATETIME]
        tests: list[tuple[str, Mask | None]] = []
        if column.max is None:
            tests.append(("in the future", to_mask(pc.greater(array, pa.scalar(self.latest, type_)))))
        if column.min is None:
            tests.append(("before 1970", to_mask(pc.less(array, pa.scalar(EPOCH, type_)))))
        return tests

    def _without_duplicates(
        self, good: pa.RecordBatch, numbers: Rows
    ) -> tuple[pa.RecordBatch, list[BadCells]]:
        """Keep the first of the good rows with the same entity (and timestamp, when the spec names one).

        Rows without a label are all kept: nothing is learnt from them, and none makes a row a duplicate.
        """
        if self.schema.entity is None or not good.num_rows:
            return good, []
        names = [name for name in (self.schema.entity, self.schema.timestamp) if name is not None]
        keys = hash_keys([good.column(name) for name in names])
        labelled = to_mask(good.column(self.schema.target).is_valid())
        repeated = np.zeros(len(keys), dtype=bool)
        repeated[labelled] = self.seen.repeated(keys[labelled])
        if not repeated.any():
            return good, []
        what = " and ".join(names)
        found = bad_cells_at(
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
        time = datetime.fromisoformat(bound)
        return pa.scalar(time if time.tzinfo else time.replace(tzinfo=UTC), ARROW_TYPES[Kind.DATETIME])
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


def _wider_kind(raw: pa.Array, wrong: Mask, form: Form) -> Kind | None:
    """Return the kind that holds what is no integer of 64 bits: as numbers, larger ones would lose digits."""
    odd = raw.filter(pa.array(wrong))
    numbers = read_array(odd, Kind.NUMBER, form)[0].drop_null()
    if not len(numbers):
        return None
    if pc.any(pc.not_equal(numbers, pc.floor(numbers))).as_py() or not _are_long(odd):
        return Kind.NUMBER
    return Kind.CATEGORY if len(numbers) > _WIDEN_SHARE * len(raw) else None


def _are_long(raw: pa.Array) -> bool:
    texts = raw if pa.types.is_string(raw.type) else raw.cast(pa.string())
    return bool(pc.any(pc.match_substring_regex(texts, "[0-9]{19}")).as_py())
