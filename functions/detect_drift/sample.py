"""Reads data in pieces and keeps a random sample of its rows: memory does not grow with a part or a backlog.

The sample is uniform, in the data's order, and follows from the data's digest alone, so that a redelivery
tests the same rows.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from eventing.catalogue import Claim
from eventing.store import DigestMismatch, Store
from functions.detect_drift.columns import Floats
from functions.inferences.log import INPUT, read_log, together

MAX_ROWS, MAX_CELLS, LEAST_ROWS = 50_000, 2_000_000, 1_000
"""A sample has at most so many rows, and fewer when its columns are many; but never fewer than the last."""

_PIECE_CELLS, _PIECE_ROWS = 500_000, 8_192
_FILES_AT_ONCE, _MANY_PIECES = 32, 64
_CHUNK_BYTES = 1 << 20


class Sample:
    """Keeps the rows with the smallest of random keys, whatever the pieces they come in."""

    def __init__(self, digest: str, most: int) -> None:
        self._most = most
        self._rng = np.random.default_rng(int(digest[:16], 16))
        self._kept: list[tuple[pa.Table, Floats]] = []
        self._below = 1.0

    def add(self, piece: pa.Table) -> None:
        """Take the next rows."""
        keys = self._rng.random(piece.num_rows)
        if self._below < 1.0:
            wanted = keys < self._below
            piece, keys = piece.filter(pa.array(wanted)), keys[wanted]
        self._kept.append((piece, keys))
        if len(self._kept) >= _MANY_PIECES or sum(len(each) for _, each in self._kept) > 2 * self._most:
            self._fold()

    def table(self) -> pa.Table:
        """Return the sample."""
        self._fold()
        return self._kept[0][0]

    def _fold(self) -> None:
        whole = together([piece for piece, _ in self._kept])
        keys = np.concatenate([np.empty(0), *(each for _, each in self._kept)])
        if len(keys) > self._most:
            chosen = np.sort(np.argpartition(keys, self._most - 1)[: self._most])
            whole, keys = whole.take(pa.array(chosen)), keys[chosen]
            self._below = float(keys.max())
        self._kept = [(whole.combine_chunks(), keys)]


def most_rows(columns: int) -> int:
    """Return how many rows of so many columns a sample may have."""
    return max(LEAST_ROWS, min(MAX_ROWS, MAX_CELLS // max(columns, 1)))


def sample_part(store: Store, claim: Claim, columns: Sequence[str]) -> pa.Table:
    """Return a sample of a Parquet file, of those columns that it has.

    The file goes to the scratch disk, never whole into memory.

    Raises:
        eventing.store.StoreError: the file cannot be read, or is not the one that was written.
    """
    with tempfile.TemporaryFile(prefix="drift-") as scratch:
        _download(store, claim, scratch)
        file = pq.ParquetFile(scratch)
        names = file.schema_arrow.names
        # Without any column Arrow forgets how many rows there are.
        wanted = [name for name in columns if name in names] or names[:1]
        sample = Sample(claim.sha256, most_rows(len(wanted)))
        rows = max(16, min(_PIECE_ROWS, _PIECE_CELLS // max(len(wanted), 1)))
        sample.add(file.schema_arrow.empty_table().select(wanted))
        for group in range(file.num_row_groups):  # over all of them at once Arrow holds what it has read
            for batch in file.iter_batches(rows, row_groups=[group], columns=wanted, use_threads=False):
                sample.add(pa.Table.from_batches([batch]).select(wanted))
        return sample.table()


def sample_log(store: Store, files: Sequence[Claim], features: Sequence[str], digest: str) -> pa.Table:
    """Return a sample of the rows of some files of the log: these features as inputs, and the score.

    Args:
        digest: of the list of the files.

    Raises:
        eventing.store.StoreError: a file cannot be read, or is not the one that was written.
    """
    columns = [*(INPUT + name for name in features), "score", "entity"]
    sample = Sample(digest, most_rows(len(columns)))
    for start in range(0, len(files), _FILES_AT_ONCE):
        some = files[start : start + _FILES_AT_ONCE]
        sample.add(read_log(store, some, columns).combine_chunks())
    return sample.table()


def _download(store: Store, claim: Claim, scratch: BinaryIO) -> None:
    digest = hashlib.sha256()
    with store.open(claim.uri) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
            scratch.write(chunk)
    if digest.hexdigest() != claim.sha256:
        raise DigestMismatch(claim.uri, claim.sha256, digest.hexdigest())
    scratch.seek(0)
