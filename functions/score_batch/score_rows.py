"""Scores the rows of a batch, read as serving reads a request; a bad row is told of, never dropped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from functions.data_files.refusal import readable
from functions.data_files.rows import BadCells, Batch, Mask, Rows, bad_cells_at
from functions.score_batch.champion import LoadedChampion
from functions.score_batch.logic import PREDICTION, PROBLEM, ROW, VERSION, Columns, probability_names
from pipelines.encoding import Feature
from pipelines.encoding.columns import Matrix
from pipelines.tables import encode_feature
from pipelines.values.arrays import read_array

NO_NUMBER = "the model's answer is no number; a value is missing, or beyond those of training"
_PROBLEMS = {
    "number": "not a number",
    "integer": "not a whole number",
    "boolean": "not true or false",
    "datetime": "not a date or time",
}


@dataclass(frozen=True)
class ScoredBatch:
    """Rows of the result, in the file's order, with what is wrong with the bad ones among them."""

    rows: pa.RecordBatch
    bad_rows: int
    bad_cells: tuple[BadCells, ...]


@dataclass
class RowScorer:
    """Scores the batches of one file in order.

    A row that could not even be split into values has a place in the result too: it waits in `_unreadable`
    until the rows before it are written, since readers tell of such rows early.
    """

    champion: LoadedChampion
    columns: Columns
    keep_types: bool
    """Whether kept columns have the types of the file; otherwise they are texts."""
    _unreadable: dict[int, str] = field(default_factory=dict, init=False)
    _kept_types: dict[str, pa.DataType] = field(default_factory=dict, init=False)

    def score_all(self, batches: Iterable[Batch]) -> Iterator[ScoredBatch]:
        """Yield the result of each batch."""
        for batch in batches:
            for cells in batch.unreadable:
                self._unreadable |= dict.fromkeys(map(int, cells.rows), cells.reason)
            yield self._score(batch)
        if self._unreadable and self._kept_types:
            empty = {name: pa.nulls(0, type_) for name, type_ in self._kept_types.items()}
            yield self._assemble(np.zeros(0, np.int64), empty, *self._nothing(0), self._take_unreadable(None))

    def _score(self, batch: Batch) -> ScoredBatch:
        rows = len(batch.numbers)
        kept = {name: self._kept(batch.columns[name], name) for name in self.columns.kept}
        if not rows:
            return ScoredBatch(pa.record_batch([], pa.schema([])), 0, batch.unreadable)
        problems: dict[int, str] = {}
        cells: list[BadCells] = []
        matrix = np.empty((rows, self.champion.encoding.width), dtype=np.float32)
        bad = np.zeros(rows, dtype=bool)
        start = 0
        for feature in self.champion.encoding.features:
            if not feature.used:
                continue
            end = start + feature.encoder.width
            with readable(f"column {feature.name}"):
                found = _encode(feature, batch.columns[feature.name], matrix[:, start:end])
            start = end
            for reason, mask in found:
                cells.append(
                    bad_cells_at(feature.name, reason, batch.columns[feature.name], mask, batch.numbers)
                )
                for place in np.flatnonzero(mask & ~bad):
                    problems[int(place)] = f"{feature.name}: {reason}"
                bad |= mask
        matrix[bad] = 0.0  # what is answered to these is not told
        answers = self.champion.answer(matrix)
        odd = ~answers.finite & ~bad
        if odd.any():
            cells.append(BadCells("", NO_NUMBER, batch.numbers[odd], [None] * int(odd.sum())))
            problems |= dict.fromkeys(map(int, np.flatnonzero(odd)), NO_NUMBER)
            bad |= odd
        counted = [_without(each, bad) for each in (answers.prediction, *answers.probabilities)]
        unreadable = self._take_unreadable(int(batch.numbers[-1]))
        done = self._assemble(batch.numbers, kept, counted, problems, unreadable)
        return ScoredBatch(done.rows, done.bad_rows, (*batch.unreadable, *cells))

    def _kept(self, array: pa.Array, name: str) -> pa.Array:
        if not self.keep_types:
            if pa.types.is_dictionary(array.type):
                array = array.dictionary_decode()
            array = array if pa.types.is_string(array.type) else array.cast(pa.string())
        self._kept_types.setdefault(name, array.type)
        return array

    def _nothing(self, rows: int) -> tuple[list[pa.Array], dict[int, str]]:
        answers = self.champion.answer(np.zeros((1, self.champion.encoding.width), dtype=np.float32))
        counted = [pa.nulls(rows, each.type) for each in (answers.prediction, *answers.probabilities)]
        return counted, {}

    def _take_unreadable(self, before: int | None) -> dict[int, str]:
        """Take the unreadable rows with numbers up to `before`; all that are left, for None."""
        taken = {row: why for row, why in self._unreadable.items() if before is None or row <= before}
        for row in taken:
            del self._unreadable[row]
        return taken

    def _assemble(
        self,
        numbers: Rows,
        kept: dict[str, pa.Array],
        counted: list[pa.Array],
        problems: dict[int, str],
        unreadable: dict[int, str],
    ) -> ScoredBatch:
        """Put the columns of the result beside each other, and unreadable rows between the others."""
        count, more = len(numbers), len(unreadable)
        every = np.concatenate([numbers, np.fromiter(unreadable, np.int64, more)])
        texts: list[str | None] = [None] * count + list(unreadable.values())
        for place, why in problems.items():
            texts[place] = why
        arrays = {
            ROW: pa.array(every),
            **kept,
            PREDICTION: counted[0],
            **dict(zip(probability_names(self.champion.classes), counted[1:], strict=True)),
            VERSION: pa.array(np.full(count + more, self.champion.version)),
            PROBLEM: pa.array(texts, pa.string()),
        }
        if more:
            order = pa.array(np.argsort(every, kind="stable"))
            arrays = {
                name: pa.concat_arrays([array, pa.nulls(count + more - len(array), array.type)]).take(order)
                for name, array in arrays.items()
            }
        batch = pa.RecordBatch.from_arrays(list(arrays.values()), names=list(arrays))
        return ScoredBatch(batch, len(problems) + more, ())


def _encode(feature: Feature, raw: pa.Array, block: Matrix) -> list[tuple[str, Mask]]:
    """Fill a feature's block of the matrix; return the cells that serving would refuse, by reason."""
    kind = feature.kind
    if kind == "integer" and pa.types.is_floating(raw.type):
        kind = "number"  # a request may say 1.5 as well
    array, wrong = read_array(raw, kind, feature.form)
    found = [(_PROBLEMS.get(feature.kind, "not a plain value"), wrong)] if wrong.any() else []
    if pa.types.is_floating(array.type):
        infinite = np.isinf(array.to_numpy(zero_copy_only=False))
        if infinite.any():
            found.append(("not finite", infinite))
    block[:] = encode_feature(feature, pa.chunked_array([array]))
    return found


def _without(array: pa.Array, bad: Mask) -> pa.Array:
    """Return an array with null where a row is bad."""
    if not bad.any():
        return array
    return pc.if_else(pa.array(~bad), array, pa.scalar(None, array.type))
