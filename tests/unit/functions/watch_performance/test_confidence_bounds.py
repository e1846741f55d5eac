"""The bounds on a version's loss: as tight as is right, and never too low."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from functions.watch_performance.confidence_bounds import bound_on_costs, bound_on_mean, clopper_pearson


def bound(losses: Sequence[float]) -> float:
    return bound_on_mean(len(losses), float(np.mean(losses)), float(np.var(losses)))


@pytest.mark.parametrize(("errors", "n"), [(0, 50), (1, 50), (49, 50), (100, 1_000), (3_000, 100_000)])
def test_the_exact_bound_agrees_with_scipys(errors: int, n: int) -> None:
    expected = stats.beta.ppf(0.95, errors + 1, n - errors)

    assert clopper_pearson(errors, n) == pytest.approx(expected, abs=1e-8)


def test_a_holdout_of_errors_only_bounds_nothing() -> None:
    assert clopper_pearson(7, 7) == 1.0
    with pytest.raises(ValueError, match="impossible"):
        clopper_pearson(8, 7)


def test_the_bound_on_a_mean_loss_is_exceeded_at_most_alpha_often() -> None:
    rng = np.random.default_rng(4)
    wrong = sum(bound(rng.beta(0.5, 4.5, 200).tolist()) < 0.1 for _ in range(300))

    assert wrong / 300 <= 0.05


def test_a_bound_gets_closer_with_rows_and_with_calm() -> None:
    calm = [0.1, 0.12] * 500
    assert bound(calm) < bound(calm[:100]) < 1.0
    assert bound(calm) < bound([0.0, 0.22] * 500)
    with pytest.raises(ValueError, match="two losses"):
        bound([0.5])


def test_the_bound_on_costs_counts_a_rare_class_by_its_own_errors() -> None:
    counts = [(0.0, 1_960), (0.01, 36), (1.0, 4)]
    found = bound_on_costs(2_000, counts)

    assert 4.36 / 2_000 < found < bound_on_mean(2_000, 4.36 / 2_000, 0.002)
    assert bound_on_costs(100, [(1.0, 12)]) == clopper_pearson(12, 100)
    assert bound_on_costs(100, [(0.0, 100)]) == 0.0
