"""Who is kept aside: the same rows in every version, whole entities, the newest moments."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.steps.split import content_hashes, split


def table(rows: int, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    return pa.table(
        {
            "x": rng.normal(size=rows),
            "n": rng.integers(0, 9, rows),
            "c": pa.array([["a", "b", None][i] for i in rng.integers(0, 3, rows)], pa.string()),
            "who": [f"e{i}" for i in rng.integers(0, rows // 4 + 1, rows)],
        }
    )


def by_row(rows: pa.Table, share: float = 0.2, entity: str | None = None) -> np.ndarray:
    return split(rows, target="y", entity=entity, timestamp=None, share=share).holdout


def of_kinds(kinds: int, rows: int, seed: int = 0) -> pa.Table:
    """Rows of few kinds, and a target that two of three times follows from the kind."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, kinds, rows)
    said = np.where(rng.random(rows) < 0.67, kind % 2, 1 - kind % 2)
    return pa.table({"a": kind % 7, "b": [f"b{n}" for n in kind // 7], "y": said})


@pytest.mark.case("A")
@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1000), st.integers(1, 200), st.integers(1, 200))
def test_a_row_is_on_the_same_side_whatever_else_the_dataset_holds(seed: int, old: int, new: int) -> None:
    first, second = table(old, seed), table(new, seed + 1)
    both = pa.concat_tables([second, first])
    assert np.array_equal(by_row(both)[new:], by_row(first))


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 1000),
    st.lists(st.integers(0, 300), min_size=1, max_size=6),
    st.integers(1, 400),
    st.sampled_from([None, "b"]),
)
def test_rows_keep_their_sides_when_files_are_appended(
    seed: int, parts: list[int], kinds: int, entity: str | None
) -> None:
    whole = of_kinds(kinds, sum(parts), seed)
    sides = split(whole, target="y", entity=entity, timestamp=None, share=0.2, parts=parts).holdout
    for count in range(1, len(parts)):
        rows = sum(parts[:count])
        before = split(
            whole.slice(0, rows), target="y", entity=entity, timestamp=None, share=0.2, parts=parts[:count]
        )
        assert np.array_equal(before.holdout, sides[:rows])


@pytest.mark.case("A")
@settings(deadline=None, max_examples=40)
@given(st.integers(0, 1000), st.integers(1, 400), st.integers(1, 50), st.sampled_from([None, "b"]))
def test_the_target_decides_no_side(seed: int, rows: int, kinds: int, entity: str | None) -> None:
    whole = of_kinds(kinds, rows, seed)
    shuffled = whole["y"].take(pa.array(np.random.default_rng(seed).permutation(rows)))
    for other in (shuffled, pa.array(["x"] * rows), pa.nulls(rows, pa.float64())):
        turned = whole.set_column(2, "y", other)
        assert np.array_equal(by_row(turned, entity=entity), by_row(whole, entity=entity))


@pytest.mark.case("A")
@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.sampled_from([1, 2, 4, 8, 12, 24, 200]), st.sampled_from([0.1, 0.2, 0.5]))
def test_the_share_is_kept_however_few_kinds_of_row_there_are(seed: int, kinds: int, share: float) -> None:
    rows = of_kinds(kinds, 2000, seed)
    held = by_row(rows, share)
    assert abs(held.mean() - share) < 5 * np.sqrt(share * (1 - share) / 2000)
    commonest = content_hashes(rows.select(["a", "b"]))
    commonest = commonest == commonest[0]
    allowed = 5 * np.sqrt(share * (1 - share) / commonest.sum()) + 1 / commonest.sum()
    assert abs(held[commonest].mean() - share) < allowed


@pytest.mark.case("A")
def test_a_row_that_every_export_brings_again_is_on_one_side() -> None:
    first, later = table(300), table(100, seed=1)
    whole = pa.concat_tables([first, first, later])
    held = split(whole, target="y", entity=None, timestamp=None, share=0.2, parts=[300, 400]).holdout
    assert np.array_equal(held[:300], held[300:600])
    assert np.array_equal(held[:300], by_row(first))


@pytest.mark.case("A")
def test_rows_of_few_kinds_are_on_both_sides_however_small_the_files() -> None:
    rows = of_kinds(4, 500)
    held = split(rows, target="y", entity=None, timestamp=None, share=0.2, parts=[1] * 500).holdout
    assert np.array_equal(held, by_row(rows))
    assert 0.15 < held.mean() < 0.25


def test_neither_the_order_of_columns_nor_a_new_empty_column_moves_a_row() -> None:
    rows = table(100)
    turned = rows.select(["who", "c", "x", "n"]).append_column("later", pa.nulls(100, pa.string()))
    assert np.array_equal(by_row(turned), by_row(rows))


def test_different_rows_hash_differently() -> None:
    assert len(set(content_hashes(table(500)).tolist())) == 500


def test_zero_and_minus_zero_are_the_same_content_and_missing_is_no_zero() -> None:
    hashes = content_hashes(pa.table({"x": pa.array([0.0, -0.0, None, 1.0])}))
    assert hashes[0] == hashes[1]
    assert len(set(hashes.tolist())) == 3


def test_the_share_is_kept_up_to_chance_and_hits_every_class_alike() -> None:
    rows = table(20_000)
    held = by_row(rows, 0.2)
    assert abs(held.mean() - 0.2) < 0.01
    for value in "ab":
        of_class = np.array(rows["c"].to_pylist()) == value
        assert abs(held[of_class].mean() - 0.2) < 0.02


def test_all_rows_of_an_entity_are_on_one_side_and_rows_of_nobody_go_by_row() -> None:
    rows = table(400)
    divided = split(rows, target="y", entity="who", timestamp=None, share=0.3)
    assert divided.by == "entity"
    sides: dict[str, set[bool]] = {}
    for who, held in zip(rows["who"].to_pylist(), divided.holdout, strict=True):
        sides.setdefault(who, set()).add(bool(held))
    assert all(len(side) == 1 for side in sides.values())
    assert divided.groups is not None
    assert len(set(divided.groups.tolist())) == len(sides)
    nobody = rows.set_column(3, "who", pa.nulls(400, pa.string()))
    assert 0 < split(nobody, target="y", entity="who", timestamp=None, share=0.3).holdout.sum() < 400


def times(values: list[object]) -> pa.Table:
    return pa.table({"t": pa.array(np.array(values, dtype="datetime64[us]"), pa.timestamp("us", tz="UTC"))})


def test_with_timestamps_the_newest_rows_are_kept_aside_and_a_moment_is_never_torn() -> None:
    days = np.datetime64("2024-01-01") + np.repeat(np.arange(10), 10)
    rows = times(list(np.random.default_rng(0).permutation(days)))
    divided = split(rows, target="y", entity=None, timestamp="t", share=0.25)
    moments = np.array(rows["t"].to_pylist(), dtype=object)
    assert divided.by == "time"
    assert max(moments[~divided.holdout]) < min(moments[divided.holdout])
    assert divided.holdout.sum() == 30  # a quarter, made up to whole days
    assert divided.cutoff == "2024-01-08T00:00:00.000000Z"


def test_one_moment_only_is_split_by_content_and_unknown_moments_are_trained_on() -> None:
    same = split(times([np.datetime64("2024-01-01")] * 50), target="y", entity=None, timestamp="t", share=0.2)
    assert same.by == "row"
    assert same.warning is not None
    assert "not divided by 't': too many have one moment to keep about 20%" in same.warning
    some = times([np.datetime64("NaT"), *(np.datetime64("2024-01-01") + np.arange(20))])
    assert not split(some, target="y", entity=None, timestamp="t", share=0.2).holdout[0]


@pytest.mark.parametrize(
    ("counts", "by", "held"),
    [
        ([100, 900], "row", None),  # 90 % would be held out
        ([500, 500], "time", 500),
        ([300, 500, 200], "time", 200),  # the moment that reaches 20 %
        ([100, 750, 150], "time", 150),  # from the middle one on it would be 90 %
        ([850, 150], "time", 150),  # 20 % reaches into the first, before which there is nothing
        ([400, 550, 50], "row", None),
        ([990, 10], "row", None),
    ],
)
def test_where_many_rows_have_one_moment_the_holdout_is_of_about_its_size_or_by_hash(
    counts: list[int], by: str, held: int | None
) -> None:
    days = np.datetime64("2024-01-01") + np.repeat(np.arange(len(counts)), counts)
    rows = times(list(days)).append_column("x", pa.array(np.arange(1000)))
    divided = split(rows, target="y", entity=None, timestamp="t", share=0.2)
    assert divided.by == by
    assert (divided.warning is None) == (by == "time")
    assert divided.holdout.sum() == held or (held is None and 150 < divided.holdout.sum() < 250)
