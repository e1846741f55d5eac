"""Extraction: the window's parts in one table, every digest verified."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from support.training import put_dataset

from eventing.catalogue import Claim
from eventing.store import MemoryStore, StoreUnavailable
from pipelines.errors import StepError, TransientError
from pipelines.steps import files
from pipelines.steps.extract import extract

KINDS = {"x": "number", "y": "category"}
SPEC = "model: m\ntarget: y\n"


def part(*values: float) -> pa.Table:
    return pa.table({"x": pa.array(values, pa.float64()), "y": ["a"] * len(values)})


def test_parts_come_in_order_and_the_window_leaves_out_the_oldest(store: MemoryStore, tmp_path: Path) -> None:
    request = put_dataset(
        store, [part(1), part(2, 3), part(4)], KINDS, SPEC + "train: {window: {parts: 2}}\n"
    )
    facts = extract(store, request, tmp_path)
    assert files.read_table(tmp_path)["x"].to_pylist() == [2, 3, 4]
    assert (facts["rows"], len(facts["parts"]), facts["parts_in_dataset"]) == (3, 2, 3)


def test_a_part_of_another_type_or_without_a_newer_column_fits_the_schema(
    store: MemoryStore, tmp_path: Path
) -> None:
    old = pa.table({"y": pa.array(["a"]).dictionary_encode()})
    other = pa.table({"extra": [1], "y": [7], "x": pa.array([3], pa.int32())})
    request = put_dataset(store, [old, other], KINDS, SPEC)
    extract(store, request, tmp_path)
    table = files.read_table(tmp_path)
    assert table.column_names == ["x", "y"]
    assert table.to_pydict() == {"x": [None, 3.0], "y": ["a", "7"]}


def test_a_part_that_was_changed_is_refused_naming_it(store: MemoryStore, tmp_path: Path) -> None:
    request = put_dataset(store, [part(1)], KINDS, SPEC)
    uri = next(o.uri for o in store.list("s3://datasets/m/") if o.key.endswith("data.parquet"))
    store.put(uri, b"other bytes")
    with pytest.raises(StepError, match="SHA-256") as caught:
        extract(store, request, tmp_path)
    assert uri in caught.value.problem
    assert "drop the file again" in caught.value.fix


def test_a_missing_manifest_and_a_part_that_is_no_parquet_are_refused(
    store: MemoryStore, tmp_path: Path
) -> None:
    request = put_dataset(store, [part(1)], KINDS, SPEC)
    gone = Claim(uri="s3://datasets/m/manifests/none.json", sha256="0" * 64)
    with pytest.raises(StepError, match="no such object"):
        extract(store, replace(request, dataset=gone), tmp_path)
    text = store.put("s3://datasets/m/t/data.parquet", b"x,y\n1,a\n")
    manifest = {"model": "m", "parts": [{**text.model_dump(), "rows": 1, "bytes": 8, "key": "m/t.csv"}]}
    claim = store.put("s3://datasets/m/manifests/t.json", json.dumps(manifest).encode())
    with pytest.raises(StepError, match="damaged"):
        extract(store, replace(request, dataset=claim), tmp_path)


def test_a_store_that_does_not_answer_may_be_tried_again(tmp_path: Path) -> None:
    class Down(MemoryStore):
        def get(self, uri: str, sha256: str | None = None) -> bytes:
            raise StoreUnavailable(uri, "connection refused")

    request = put_dataset(MemoryStore(), [part(1)], KINDS, SPEC)
    with pytest.raises(TransientError, match="connection refused"):
        extract(Down(), request, tmp_path)


def test_a_wide_table_is_read_in_small_steps(store: MemoryStore, tmp_path: Path) -> None:
    names = [f"c{i}" for i in range(3_000)]
    wide = pa.table({name: pa.array([1.0] * 400) for name in names} | {"y": ["a"] * 400})
    request = put_dataset(store, [wide], dict.fromkeys(names, "number") | {"y": "category"}, SPEC)
    extract(store, request, tmp_path)
    table = files.read_table(tmp_path)
    assert table.num_rows == 400
