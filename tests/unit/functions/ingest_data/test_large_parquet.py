"""A small Parquet file that unpacks to very much is read some bytes at a time, or refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from functions.data_files.read_parquet import read_parquet
from functions.data_files.refusal import FileRefused

Examine = Callable[..., Any]
MIB = 1 << 20


def repeated(text: str, count: int) -> pa.Array:
    places = pa.array(np.zeros(count, dtype=np.int32))
    return pa.DictionaryArray.from_arrays(places, pa.array([text]))


def written(path: Path, table: pa.Table, **options: Any) -> Path:
    pq.write_table(table, path, compression="zstd", **options)
    return path


def sizes(path: Path, *columns: str) -> Iterator[tuple[int, int]]:
    for batch in read_parquet(path, columns):
        yield len(batch.numbers), sum(array.nbytes for array in batch.columns.values())


def test_a_long_text_repeated_by_a_dictionary_is_unpacked_some_bytes_at_a_time(tmp_path: Path) -> None:
    table = pa.table({"t": repeated("x" * MIB, 400).cast(pa.string()), "y": np.arange(400)})
    path = written(tmp_path / "a.parquet", table)
    found = list(sizes(path, "t", "y"))

    assert path.stat().st_size < 10_000
    assert sum(rows for rows, _ in found) == 400
    assert max(size for _, size in found) < 20 * MIB


def test_a_long_text_repeated_by_deltas_is_unpacked_some_bytes_at_a_time(tmp_path: Path) -> None:
    table = pa.table({"t": repeated("x" * MIB, 40).cast(pa.string())})
    delta = {"use_dictionary": False, "column_encoding": {"t": "DELTA_BYTE_ARRAY"}}
    found = list(sizes(written(tmp_path / "a.parquet", table, **delta), "t"))

    assert sum(rows for rows, _ in found) == 40
    assert max(size for _, size in found) < 40 * MIB


def test_rows_of_a_column_kept_as_a_dictionary_are_cut_by_what_they_unpack_to(tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", pa.table({"t": repeated("x" * MIB, 100)}))

    assert max(rows for rows, _ in sizes(path, "t")) <= 16


def test_short_texts_beside_missing_ones_are_read_in_large_batches(tmp_path: Path) -> None:
    texts = [None] * 20_000 + [f"text {number % 5_000}" for number in range(80_000)]
    path = written(tmp_path / "a.parquet", pa.table({"t": texts}))

    assert [rows for rows, _ in sizes(path, "t")] == [65_536, 34_464]


def test_the_same_texts_are_read_whatever_their_pages_are(tmp_path: Path) -> None:
    texts = [None if number % 7 == 0 else "ab" * (number % 90) for number in range(9_000)]
    ways: list[dict[str, Any]] = [
        {},
        {"use_dictionary": False},
        {"dictionary_pagesize_limit": 500, "write_batch_size": 100},
        {"data_page_version": "2.0", "row_group_size": 1_000},
        {"use_dictionary": False, "column_encoding": {"t": "DELTA_BYTE_ARRAY"}},
        {"use_dictionary": False, "column_encoding": {"t": "DELTA_LENGTH_BYTE_ARRAY"}},
    ]
    for type_ in (pa.string(), pa.large_string(), pa.string_view()):
        table = pa.table({"t": pa.array(texts, type_), "n": range(9_000)})
        for way in ways:
            path = written(tmp_path / "a.parquet", table, **way)
            batches = list(read_parquet(path, ("t", "n")))

            assert [text for batch in batches for text in batch.columns["t"].to_pylist()] == texts
            assert np.concatenate([batch.numbers for batch in batches]).tolist() == list(range(1, 9_001))


def test_pages_that_would_not_fit_in_memory_are_refused(tmp_path: Path) -> None:
    texts = ["x" * MIB + str(number) for number in range(140)]
    path = written(tmp_path / "a.parquet", pa.table({"t": texts}), dictionary_pagesize_limit=1 << 30)

    with pytest.raises(FileRefused, match="the pages of the Parquet file are too large") as caught:
        list(sizes(path, "t"))
    assert (
        caught.value.problems[0].fix
        == "write row groups of fewer rows, such as row_group_size=10000, or smaller pages"
    )


def test_a_row_whose_texts_are_longer_than_a_line_may_be_is_refused(
    tmp_path: Path, examine_bytes: Examine
) -> None:
    table = pa.table({"a": ["x", "x" * 600], "b": ["x", "x" * 500], "y": [1, 2]})
    raw = written(tmp_path / "a.parquet", table).read_bytes()
    refusal = examine_bytes(raw, name="a.parquet", max_line_bytes=1_000).refusal

    assert refusal.reason == "a row is too long"
    assert refusal.problems[0].where == "row 2, column a"
    assert examine_bytes(raw, name="a.parquet", max_line_bytes=1_100).part.rows == 2


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"t": repeated("x" * 1_000, 200), "y": np.arange(200)}),
        pa.table({"t": ["x" * 100_000, "z"], "y": [1, 2]}),
    ],
)
def test_the_largest_file_is_meant_unpacked(tmp_path: Path, examine_bytes: Examine, table: pa.Table) -> None:
    raw = written(tmp_path / "a.parquet", table).read_bytes()

    assert len(raw) < 50_000
    assert (
        examine_bytes(raw, name="a.parquet", max_file_bytes=50_000).refusal.reason == "the file is too large"
    )


def test_a_page_header_that_cannot_be_read_is_a_damaged_file(tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", pa.table({"t": ["a", "b"]}))
    raw = bytearray(path.read_bytes())
    raw[4:12] = b"\xff" * 8
    path.write_bytes(raw)

    with pytest.raises(FileRefused, match="the Parquet file is damaged"):
        list(sizes(path, "t"))
