"""Keys that stand twice are found, however many there are."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.ingest_data.duplicates import SeenKeys, hash_keys


@settings(deadline=None, max_examples=200)
@given(st.lists(st.lists(st.tuples(st.text(max_size=3), st.integers(0, 3)), max_size=20), max_size=6))
def test_repeated_keys_are_those_a_set_would_find(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[tuple[str, int]]]
) -> None:
    seen_keys = SeenKeys(tmp_path_factory.mktemp("keys"))
    seen: set[tuple[str, int]] = set()
    for batch in batches:
        texts = pa.array(["pad", *[text for text, _ in batch]], pa.string()).slice(1)
        found = seen_keys.repeated(hash_keys([texts, pa.array([number for _, number in batch], pa.int64())]))
        expected = []
        for key in batch:
            expected.append(key in seen)
            seen.add(key)
        assert found.tolist() == expected


def test_many_keys_are_kept_on_disk_and_still_found(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("keys")
    seen = SeenKeys(folder)
    count = (1 << 22) + 1000
    keys = hash_keys([pa.array(np.arange(count))])

    assert not seen.repeated(keys).any()
    assert list(folder.glob("keys-*.npy"))
    assert seen.repeated(keys[::1000]).all()
    assert not seen.repeated(hash_keys([pa.array(np.arange(count, count + 10))])).any()
