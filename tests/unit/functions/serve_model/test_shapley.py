"""Contributions add up, are exact where they can be, and agree with the shap package's where it is there."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from math import factorial

import numpy as np
import pytest

from functions.serve_model.shapley import EXACT, Matrix, Numbers, contributions, sets_of

RNG = np.random.default_rng(5)


def columns_of(*widths: int) -> list[slice]:
    ends = np.cumsum([0, *widths])
    return [slice(int(start), int(end)) for start, end in itertools.pairwise(ends)]


def tangled(matrix: Matrix) -> Numbers:
    """A model of any width whose features act on each other."""
    x = matrix.astype(np.float64)
    return np.stack([x[:, 0] * x[:, 1] + np.sin(x).sum(axis=1), np.abs(x).max(axis=1)], axis=1)


def linear(matrix: Matrix) -> Numbers:
    weights = np.arange(1, matrix.shape[1] + 1)
    found: Numbers = (matrix.astype(np.float64) @ weights).reshape(-1, 1)
    return found


def by_definition(
    answer: Callable[[Matrix], Numbers], row: Matrix, background: Matrix, columns: list[slice]
) -> Numbers:
    """The definition, set by set."""

    def value(members: tuple[int, ...]) -> Numbers:
        mixed = background.copy()
        for feature in members:
            mixed[:, columns[feature]] = row[columns[feature]]
        found: Numbers = answer(mixed).mean(axis=0)
        return found

    count = len(columns)
    found = []
    for feature in range(count):
        others = [each for each in range(count) if each != feature]
        total: Numbers = np.zeros(2)
        for size in range(count):
            weight = factorial(size) * factorial(count - size - 1) / factorial(count)
            for members in itertools.combinations(others, size):
                total = total + weight * (value((*members, feature)) - value(members))
        found.append(total)
    return np.array(found)


@pytest.mark.parametrize("widths", [(1,), (1, 1), (1, 3, 1, 2), (1,) * EXACT])
def test_few_features_have_the_values_of_the_definition(widths: tuple[int, ...]) -> None:
    columns = columns_of(*widths)
    width = max(2, sum(widths))
    row, background = (
        RNG.normal(size=width).astype(np.float32),
        RNG.normal(size=(7, width)).astype(np.float32),
    )
    background[:, sum(widths) :] = row[sum(widths) :]
    padded = [*columns[:-1], slice(columns[-1].start, width)]
    _, parts, _ = contributions(tangled, row, background, padded)
    np.testing.assert_allclose(parts, by_definition(tangled, row, background, padded), atol=1e-6)


@pytest.mark.parametrize("features", [1, 5, EXACT, EXACT + 1, 40, 1200])
def test_contributions_and_base_add_up_to_the_answer(features: int) -> None:
    columns = columns_of(*[1 + n % 2 for n in range(features)])
    width = max(2, columns[-1].stop)
    columns[-1] = slice(columns[-1].start, width)
    row, background = (
        RNG.normal(size=width).astype(np.float32),
        RNG.normal(size=(9, width)).astype(np.float32),
    )
    base, parts, output = contributions(tangled, row, background, columns)
    np.testing.assert_allclose(output, tangled(row[None])[0], rtol=1e-9)
    np.testing.assert_allclose(base, tangled(background).mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(base + parts.sum(axis=0), output, atol=1e-8)


def test_a_sum_of_features_is_explained_exactly_however_many_there_are() -> None:
    columns = columns_of(*[1] * 30)
    row, background = RNG.normal(size=30).astype(np.float32), RNG.normal(size=(9, 30)).astype(np.float32)
    _, parts, _ = contributions(linear, row, background, columns)
    expected = np.arange(1, 31) * (row - background.mean(axis=0))
    np.testing.assert_allclose(parts[:, 0], expected, atol=1e-4)


def test_many_features_that_act_on_each_other_in_pairs_are_explained_closely() -> None:
    columns = columns_of(*[1] * 10)
    row, background = RNG.normal(size=10).astype(np.float32), RNG.normal(size=(9, 10)).astype(np.float32)
    _, parts, _ = contributions(tangled, row, background, columns)
    exact = by_definition(tangled, row, background, columns)
    np.testing.assert_allclose(parts[:, 0], exact[:, 0], atol=1e-6)  # order and reverse: pairs are exact
    assert np.abs(parts[:, 1] - exact[:, 1]).max() < 0.15


def test_a_set_is_asked_for_once_and_the_first_and_last_are_nothing_and_all() -> None:
    for features in (1, EXACT, 20):
        members = sets_of(features).members
        assert len(np.unique(members, axis=0)) == len(members)
        assert not members[0].any()
        assert members[-1].all()
        np.testing.assert_allclose(sets_of(features).weights.sum(axis=1), 0, atol=1e-12)


def test_what_the_check_raises_ends_the_work() -> None:
    def check() -> None:
        raise TimeoutError

    row, background = np.ones(2, np.float32), np.zeros((3, 2), np.float32)
    with pytest.raises(TimeoutError):
        contributions(tangled, row, background, columns_of(1, 1), check)


def test_the_values_are_those_of_the_shap_package() -> None:
    shap = pytest.importorskip("shap", reason="pip install --target <folder> shap, and put it on PYTHONPATH")
    row, background = RNG.normal(size=6).astype(np.float32), RNG.normal(size=(20, 6)).astype(np.float32)
    masker = shap.maskers.Independent(background, max_samples=len(background))
    theirs = shap.explainers.Exact(tangled, masker)(row[None]).values[0]
    _, ours, _ = contributions(tangled, row, background, columns_of(*[1] * 6))
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
