"""Finds rows whose key came before in the same file, in 8 bytes a row.

A key is kept as 64 bits of a keyed hash: among ten million rows, the chance that any two different keys are
taken for the same is about 3 in a million.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from functions.ingest_data.cells import Mask

Hashes = npt.NDArray[np.uint64]

_SEED = np.uint64(0x9E3779B97F4A7C15)
_RUN_ON_DISK = 1 << 22


def hash_keys(columns: list[pa.Array]) -> Hashes:
    """Hash the rows of one or more columns (64-bit integers, floats, booleans, timestamps, strings)."""
    total = _mix(np.full(len(columns[0]), _SEED))
    for column in columns:
        total = _mix(total ^ _hash(column))
    return total


def _hash(array: pa.Array) -> Hashes:
    if pa.types.is_string(array.type):
        return _hash_text(array)
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.int8())
    if pa.types.is_timestamp(array.type):
        array = array.cast(pa.int64())
    values = array.fill_null(0).to_numpy(zero_copy_only=False)
    wide = values.astype(np.float64 if values.dtype.kind == "f" else np.int64)
    return _mix(wide.view(np.uint64))


def _hash_text(array: pa.Array) -> Hashes:
    """Sum each byte times a weight that depends on its place, modulo 2^64 (multilinear hashing)."""
    array = pa.concat_arrays([array])  # offsets from zero
    _, offsets_buffer, data = array.buffers()
    offsets = np.frombuffer(offsets_buffer, dtype=np.int32)[array.offset : array.offset + len(array) + 1]
    lengths = np.diff(offsets).astype(np.int64)
    first, last = (int(offsets[0]), int(offsets[-1])) if len(array) else (0, 0)
    octets = np.frombuffer(data, dtype=np.uint8)[first:last] if data is not None else np.zeros(0, np.uint8)
    places = np.arange(last - first, dtype=np.int64) - np.repeat(
        offsets[:-1].astype(np.int64) - first, lengths
    )
    weighed = (octets.astype(np.uint64) + np.uint64(1)) * _mix(places.view(np.uint64) + _SEED)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(weighed, dtype=np.uint64)])
    found: Hashes = sums[offsets[1:] - first] - sums[offsets[:-1] - first]
    return _mix(found ^ lengths.view(np.uint64))


def _mix(values: Hashes) -> Hashes:
    """Scatter 64 bits (the finaliser of splitmix64)."""
    mixed = values + _SEED
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    found: Hashes = mixed ^ (mixed >> np.uint64(31))
    return found


class SeenKeys:
    """The keys of a file so far: sorted runs, merged as they grow, the large ones mapped from disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs: list[Hashes] = []
        self._on_disk = 0

    def repeated(self, keys: Hashes) -> Mask:
        """Mark the keys that came before, in an earlier call or earlier in this one, and remember all."""
        fresh, first = np.unique(keys, return_index=True)
        known = np.zeros(len(fresh), dtype=bool)
        for run in self._runs:
            at = np.searchsorted(run, fresh)
            inside = at < len(run)
            known[inside] |= run[at[inside]] == fresh[inside]
        repeated = np.ones(len(keys), dtype=bool)
        repeated[first[~known]] = False
        self._add(fresh[~known])
        return repeated

    def _add(self, run: Hashes) -> None:
        while self._runs and len(self._runs[-1]) <= 2 * len(run) and len(run) < _RUN_ON_DISK:
            run = np.sort(np.concatenate([self._runs.pop(), run]))
        self._runs.append(self._to_disk(run) if len(run) >= _RUN_ON_DISK else run)

    def _to_disk(self, run: Hashes) -> Hashes:
        self._on_disk += 1
        path = self._folder / f"keys-{self._on_disk}.npy"
        np.save(path, run)
        mapped: Hashes = np.load(path, mmap_mode="r")
        return mapped
