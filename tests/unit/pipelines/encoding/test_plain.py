"""Rows as plain numbers: standardised by the reference, and a column for each of its frequent categories."""

from __future__ import annotations

import numpy as np

from pipelines.encoding.plain import MAX_CATEGORIES, Frequent, Standard


def test_numbers_are_standardised_by_the_reference_and_a_missing_one_is_its_median() -> None:
    scale = Standard.of(np.array([1.0, 2.0, 6.0]))
    found = scale.encode(np.array([3.0, np.nan]))
    assert found.tolist() == [0.0, (2.0 - 3.0) / np.array([1.0, 2.0, 6.0]).std()]


def test_a_constant_is_only_shifted() -> None:
    assert Standard.of(np.array([5.0, 5.0])).encode(np.array([7.0])).tolist() == [2.0]


def test_a_category_has_a_column_and_what_is_new_or_missing_has_none() -> None:
    frequent = Frequent.of(["b", "a", "b"])
    assert frequent.names == ("a", "b")
    assert frequent.encode(["b", "a", "c", None]).tolist() == [[0, 1], [1, 0], [0, 0], [0, 0]]
    assert frequent.encode([]).shape == (0, 2)


def test_only_the_most_frequent_categories_are_told_apart() -> None:
    names = [f"c{number:02}" for number in range(MAX_CATEGORIES + 5)]
    assert Frequent.of([*names, *names[5:]]).names == tuple(names[5:])
