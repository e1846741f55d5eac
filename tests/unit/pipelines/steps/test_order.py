"""Rows without timestamps: whether they have an order, and what is kept aside when they have."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from pipelines.spec import parse_spec
from pipelines.steps.order import order_of
from pipelines.steps.partition import divide

FEATURES = [("a", "number"), ("b", "number")]
SPEC = parse_spec(b"model: m\ntarget: y\n", model="m")
CHECKED = {"classes": [0, 1], "features": [list(each) for each in FEATURES]}


def rows(n: int, *, seed: int = 0, turn: int | None = None) -> pa.Table:
    """Rows of two features, whose target follows the first one; from row `turn` on, the other way round."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=n), rng.normal(size=n)
    wrong = rng.random(n) < 0.1
    if turn is not None:
        wrong[turn:] = ~wrong[turn:]
    return pa.table({"a": a, "b": b, "y": ((a > 0) ^ wrong).astype(np.int64)})


def found(table: pa.Table) -> bool:
    return order_of(table, "y", FEATURES, classes=True).found


@pytest.mark.parametrize("seed", range(5))
def test_rows_in_no_order_have_none(seed: int) -> None:
    assert not found(rows(2_000, seed=seed))


def test_rows_whose_relation_turned_have_an_order() -> None:
    assert found(rows(2_000, turn=1_000))


def wandering(n: int) -> pa.Table:
    """Rows of two features that say nothing of the target, whose share changes with the seasons."""
    rng = np.random.default_rng(1)
    season = 0.5 + 0.4 * np.sin(np.arange(n) / 100)
    return pa.table({"a": rng.normal(size=n), "b": rng.normal(size=n), "y": (rng.random(n) < season) * 1})


def test_rows_whose_share_of_a_class_wanders_have_an_order_until_they_are_shuffled() -> None:
    table = wandering(3_000)
    assert found(table)
    assert not found(table.take(pa.array(np.random.default_rng(2).permutation(3_000))))


@pytest.mark.parametrize("column", ["a", "b"])
def test_rows_that_are_sorted_by_a_feature_have_no_order(column: str) -> None:
    assert not found(rows(2_000).sort_by(column))


@pytest.mark.case("A")
def test_rows_that_are_sorted_by_the_target_are_not_divided_by_it() -> None:
    table = rows(2_000).sort_by("y")
    parted = divide(table, SPEC, CHECKED, [2_000], np.arange(2_000))

    assert parted.divided.by == "row"
    assert "sorted by 'y'" in str(parted.describe()["order"])
    assert set(parted.holdout_target.tolist()) == {0, 1}


def test_few_rows_are_not_asked() -> None:
    assert "too few" in order_of(rows(300), "y", FEATURES, classes=True).why


@pytest.mark.case("A")
def test_of_rows_in_an_order_those_that_came_last_are_the_holdout() -> None:
    places = 500 + np.arange(2_000)
    parted = divide(rows(2_000, turn=1_000), SPEC, CHECKED, [2_000], places)

    assert parted.holdout.tolist() == list(range(1_600, 2_000))
    said = parted.describe()
    assert (said["by"], said["cutoff"]) == ("arrival", "2100")
    assert "depend on" in said["order"] or "larger on the newer half" in said["order"]
    assert parted.divided.rows is not None, "a champion that was divided by hash can still be compared"


def test_rows_that_came_again_are_not_kept_aside_as_new_ones() -> None:
    first = wandering(1_000)
    table = pa.concat_tables([first, first])
    parted = divide(table, SPEC, CHECKED, [1_000, 1_000], np.arange(2_000))

    assert parted.divided.by == "row"
    assert any("no fair holdout" in each for each in parted.warnings())


def test_a_holdout_without_one_of_the_classes_is_none() -> None:
    table = rows(2_000, turn=1_000)
    answer = table["y"].to_numpy().copy()
    answer[1_590:] = 0
    parted = divide(table.set_column(2, "y", pa.array(answer)), SPEC, CHECKED, [2_000], np.arange(2_000))

    assert parted.divided.by == "row"


def test_rows_since_a_change_are_learnt_from_and_judged_by() -> None:
    table = rows(4_500, turn=4_000)
    order = order_of(table, "y", FEATURES, classes=True)
    assert order.found
    assert abs(order.change - 4_000) < 50

    divided = divide(table, SPEC, CHECKED, positions=np.arange(4_500))

    assert divided.divided.by == "arrival"
    held = divided.holdout
    assert list(held) == list(range(4_500 - len(held), 4_500))
    assert 90 <= len(held) <= 130
    assert np.count_nonzero(divided.train >= 4_000) >= 370


def test_few_rows_since_a_change_are_on_both_sides_whether_it_is_seen_or_not() -> None:
    for turn in (2_700, 2_850):
        divided = divide(rows(3_000, turn=turn), SPEC, CHECKED, positions=np.arange(3_000))

        learnt = np.count_nonzero(divided.train >= turn) / (3_000 - turn)
        assert 0.5 <= learnt <= 0.9


@pytest.mark.parametrize("seed", range(5))
def test_without_a_change_none_is_seen(seed: int) -> None:
    assert order_of(rows(3_000, seed=seed), "y", FEATURES, classes=True).change == 0
