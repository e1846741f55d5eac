"""How experiments are compared: no fold measures what another learnt, and each has what it needs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.steps.folds import ALWAYS_TRAIN, folds_by_class, folds_by_group, folds_by_time, rounds


def test_folds_give_each_class_its_share_and_a_single_row_always_trains() -> None:
    target = np.array([0] * 50 + [1] * 10 + [2])
    folds = folds_by_class(target, 5, seed=1, classes=True)
    assert folds[-1] == ALWAYS_TRAIN
    for label, each in ((0, 10), (1, 2)):
        counts = np.bincount(folds[target == label], minlength=5)
        assert counts.tolist() == [each] * 5
    assert np.array_equal(folds, folds_by_class(target, 5, seed=1, classes=True))
    for train, valid in rounds(folds, ordered=False):
        assert not (train & valid).any()
        assert train[-1]


def test_folds_in_order_of_time_never_learn_from_the_future() -> None:
    moments = np.random.default_rng(0).permutation(40)
    pairs = list(rounds(folds_by_time(moments, 3), ordered=True))
    assert len(pairs) == 3
    for past, future in pairs:
        assert moments[past].max() < moments[future].min()


def group_of(numbers: np.ndarray) -> np.ndarray:
    return numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10_000), st.integers(2, 200), st.integers(1, 60), st.integers(1, 6))
def test_a_group_is_in_one_fold_and_every_round_has_two_classes(
    seed: int, rows: int, groups: int, classes: int
) -> None:
    rng = np.random.default_rng(seed)
    who, target = rng.integers(0, groups, rows), rng.integers(0, classes, rows)
    folds = folds_by_group(target, group_of(who), 5, seed, classes=True)
    if folds is None:
        return
    assert all(len(set(folds[who == one])) == 1 for one in set(who))
    assert folds.max() >= 1
    for train, valid in rounds(folds, ordered=False):
        assert len(set(target[train])) > 1
        assert len(set(target[valid])) > 1


def test_groups_are_dealt_evenly_by_class_and_by_size_whatever_the_order_of_the_rows() -> None:
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(100), 10)
    target = ((who < 20) & (rng.random(1000) < 0.5)).astype(int)
    folds = folds_by_group(target, group_of(who), 5, 1, classes=True)
    assert folds is not None
    assert np.bincount(folds).tolist() == [200] * 5
    assert np.ptp([target[folds == fold].sum() for fold in range(5)]) < 10
    turned = folds_by_group(target[::-1], group_of(who[::-1]), 5, 1, classes=True)
    assert np.array_equal(turned, folds[::-1])


def test_there_are_fewer_folds_where_more_would_have_one_class_only() -> None:
    who = np.repeat(np.arange(6), 10)
    folds = folds_by_group((who < 3).astype(int), group_of(who), 5, 0, classes=True)
    assert folds is not None
    assert folds.max() == 2


def test_a_group_that_alone_has_a_class_always_trains() -> None:
    who = np.repeat(np.arange(20), 5)
    target = np.where(who == 7, 2, who % 2)
    folds = folds_by_group(target, group_of(who), 5, 0, classes=True)
    assert folds is not None
    assert set(folds[who == 7]) == {ALWAYS_TRAIN}
    assert ALWAYS_TRAIN not in folds[who != 7]


@pytest.mark.parametrize("who", [[0] * 40, [0] * 20 + [1] * 20])
def test_too_few_groups_make_no_folds(who: list[int]) -> None:
    target = np.repeat([0, 1], 20)
    assert folds_by_group(target, group_of(np.array(who)), 5, 0, classes=True) is None


def test_groups_with_a_numeric_target_are_dealt_along_it() -> None:
    who = np.repeat(np.arange(30), 4)
    folds = folds_by_group(who + 0.5, group_of(who), 5, 0, classes=False)
    assert folds is not None
    assert all(len(set(folds[who == one])) == 1 for one in range(30))
    assert set(folds[who < 5]) == set(folds[who >= 25]) == set(range(5))
