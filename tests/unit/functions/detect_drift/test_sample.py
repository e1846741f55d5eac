"""A part or a backlog of any size becomes a sample of bounded size, always the same one."""

from __future__ import annotations

import io
import tracemalloc
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eventing.catalogue import Claim
from eventing.store import DigestMismatch, MemoryStore
from functions.detect_drift import sample as sampling
from functions.detect_drift.sample import MAX_ROWS, Sample, most_rows, sample_log, sample_part
from functions.inferences.log import to_parquet

DIGEST = "12ab" * 16


def kept(pieces: list[list[int]], most: int) -> list[int]:
    sample = Sample(DIGEST, most)
    for piece in pieces:
        sample.add(pa.table({"x": pa.array(piece, pa.int64())}))
    found: list[int] = sample.table().column("x").to_pylist()
    return found


def part(store: MemoryStore, rows: int) -> Claim:
    buffer = io.BytesIO()
    table = pa.table({"x": np.arange(rows), "unused": np.zeros(rows), "c": ["a"] * rows})
    pq.write_table(table, buffer, row_group_size=5_000)
    return store.put("s3://datasets/part.parquet", buffer.getvalue())


def test_few_rows_are_all_kept_in_order() -> None:
    assert kept([[1, 2], [], [3]], 3) == [1, 2, 3]
    assert Sample(DIGEST, 3).table().num_rows == 0


def test_the_sample_does_not_depend_on_the_pieces_it_comes_in() -> None:
    whole = list(range(1_000))
    first = kept([whole], 50)
    assert len(first) == 50
    assert first == sorted(first)
    assert kept([whole[:7], whole[7:400], *([each] for each in whole[400:])], 50) == first


def test_every_row_is_as_likely_to_be_kept_as_any_other() -> None:
    counts = np.zeros(40)
    for seed in range(2_000):
        sample = Sample(f"{seed:016x}", 10)
        for start in range(0, 40, 5):
            sample.add(pa.table({"x": np.arange(start, start + 5)}))
        counts[sample.table().column("x").to_numpy()] += 1
    # 2,000 draws at 1/4: 500, give or take 19.
    assert np.all(np.abs(counts - 500) < 5 * 19.4)


def test_a_sample_of_many_columns_has_fewer_rows_but_some() -> None:
    assert (most_rows(0), most_rows(40), most_rows(400), most_rows(10_000)) == (50_000, 50_000, 5_000, 1_000)


def test_a_large_part_is_sampled_without_ever_being_whole_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "MAX_ROWS", 1_000)
    store = MemoryStore("datasets")
    claim = part(store, 200_000)
    pa.default_memory_pool().release_unused()
    before = pa.total_allocated_bytes()
    largest = 0
    fold = Sample._fold

    def watched(sample: Any) -> None:
        nonlocal largest
        largest = max(largest, pa.total_allocated_bytes() - before)
        fold(sample)

    monkeypatch.setattr(Sample, "_fold", watched)
    tracemalloc.start()
    found = sample_part(store, claim, ["x", "c", "not there"])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (found.num_rows, found.column_names) == (1_000, ["x", "c"])
    assert found == sample_part(store, claim, ["x", "c"])
    assert largest < 1 << 20  # of 4.6 MB
    assert peak < 4 << 20


def test_a_part_with_none_of_the_columns_still_has_its_rows() -> None:
    store = MemoryStore("datasets")
    assert sample_part(store, part(store, 700), ["gone"]).num_rows == 700


def test_a_part_that_was_changed_is_not_sampled() -> None:
    store = MemoryStore("datasets")
    claim = part(store, 10)
    store.put(claim.uri, b"other")
    with pytest.raises(DigestMismatch):
        sample_part(store, claim, ["x"])


def test_a_backlog_of_the_log_is_sampled_with_inputs_of_every_type() -> None:
    store = MemoryStore("inferences")
    pieces = [[1.0] * 2_000, [True] * 2_000, ["x"] * 2_000] * 12
    files = [
        store.put(
            f"s3://inferences/{n}.parquet", to_parquet(pa.table({"in.x": piece, "score": [0.5] * 2_000}))
        )
        for n, piece in enumerate(pieces)
    ]
    found = sample_log(store, files, ["x"], DIGEST)
    assert found.num_rows == MAX_ROWS
    assert set(found.column("in.x").to_pylist()) == {"1", "true", "x"}
