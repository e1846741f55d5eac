"""Finds rows whose key came before in the same file, in 8 bytes a row.

A key is kept as 64 bits of a keyed hash: among ten million rows, the chance that any two different keys are
taken for the same is about 3 in a million.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from functions.data_files.rows import Mask

Hashes = npt.NDArray[np.uint64]

_SEED = np.uint64(0x9E3779B97F4A7C15)
_RUN_ON_DISK = 1 << 20
_FILTER_BITS = 28


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
    """Sum each byte times a weight that depends on its position, modulo 2^64 (multilinear hashing)."""
    array = pa.concat_arrays([array])  # offsets from zero
    _, offsets_buffer, data = array.buffers()
    offsets = np.frombuffer(offsets_buffer, dtype=np.int32)[array.offset : array.offset + len(array) + 1]
    lengths = np.diff(offsets).astype(np.int64)
    first, last = (int(offsets[0]), int(offsets[-1])) if len(array) else (0, 0)
    octets = np.frombuffer(data, dtype=np.uint8)[first:last] if data is not None else np.zeros(0, np.uint8)
    positions = np.arange(last - first, dtype=np.int64) - np.repeat(
        offsets[:-1].astype(np.int64) - first, lengths
    )
    weighed = (octets.astype(np.uint64) + np.uint64(1)) * _mix(positions.view(np.uint64) + _SEED)
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
    """The keys of a file so far: sorted runs, merged as they grow, the large ones on disk.

    A Bloom filter answers for most keys that they are new, so that the runs on disk are seldom looked at;
    what is looked at is mapped only for as long.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs: list[Hashes] = []
        self._on_disk: list[Path] = []
        self._filter = _Filter()

    def repeated(self, keys: Hashes) -> Mask:
        """Mark the keys that came before, in an earlier call or earlier in this one, and remember all."""
        fresh, first = np.unique(keys, return_index=True)
        known = self._filter.maybe(fresh)
        if known.any():
            known[known] = self._search(fresh[known])
        repeated = np.ones(len(keys), dtype=bool)
        repeated[first[~known]] = False
        self._filter.add(fresh[~known])
        self._add(fresh[~known])
        return repeated

    def _search(self, keys: Hashes) -> Mask:
        found = np.zeros(len(keys), dtype=bool)
        for run in self._runs:
            found |= _contains(run, keys)
        for path in self._on_disk:
            found |= _contains(np.load(path, mmap_mode="r"), keys)
        return found

    def _add(self, run: Hashes) -> None:
        while self._runs and len(self._runs[-1]) <= 2 * len(run):
            run = np.sort(np.concatenate([self._runs.pop(), run]))
        if len(run) < _RUN_ON_DISK:
            self._runs.append(run)
            return
        path = self._folder / f"keys-{len(self._on_disk)}.npy"
        np.save(path, run)
        self._on_disk.append(path)


def _contains(run: Hashes, keys: Hashes) -> Mask:
    at = np.searchsorted(run, keys)
    at[at == len(run)] = 0
    found: Mask = run[at] == keys if len(run) else np.zeros(len(keys), dtype=bool)
    return found


class _Filter:
    """A Bloom filter of 32 MiB with three bits a key, of which only the pages in use cost memory."""

    def __init__(self) -> None:
        self._octets = np.zeros(1 << (_FILTER_BITS - 3), dtype=np.uint8)

    def maybe(self, keys: Hashes) -> Mask:
        """Say which keys may have been added; the others were not for sure."""
        found = np.ones(len(keys), dtype=bool)
        for octet, bit in self._positions(keys):
            found &= (self._octets[octet] & bit) != 0
        return found

    def add(self, keys: Hashes) -> None:
        for octet, bit in self._positions(keys):
            np.bitwise_or.at(self._octets, octet, bit)

    @staticmethod
    def _positions(keys: Hashes) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.uint8]]]:
        mask = np.uint64((1 << _FILTER_BITS) - 1)
        for shift in (0, 18, 36):
            position = (keys >> np.uint64(shift)) & mask
            bit = np.left_shift(1, (position & np.uint64(7)).astype(np.uint8), dtype=np.uint8)
            yield (position >> np.uint64(3)).astype(np.intp), bit
