"""The rule: correction, budget over windows, effect floor, and what it says over many windows."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.drift import check

from benchmarks.simulations.drift import Series, share
from functions.detect_drift.columns import category, number, table
from functions.detect_drift.compare import UnknownDetector
from functions.detect_drift.detection import Test
from functions.detect_drift.logic import Inputs, Policy, Status, correct, decide, spend
from pipelines.layout import SCORE

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=30)


def seen(*observed: tuple[float, float], window: int = 1) -> Inputs:
    """What a detector observed: a p-value and an effect for each feature."""
    tests = tuple(Test(f"f{i}", "ks", 0.0, p, e, "wasserstein") for i, (p, e) in enumerate(observed))
    return Inputs(window, 500, 50, tests)


def test_the_shares_of_all_windows_sum_to_the_budget() -> None:
    assert sum(spend(0.05, w) for w in range(1, 100_000)) == pytest.approx(0.05, rel=1e-4)
    assert spend(0.05, 1) == pytest.approx(0.05 * 6 / math.pi**2)
    with pytest.raises(ValueError, match="from 1"):
        spend(0.05, 0)


def test_holm_steps_down_and_bonferroni_does_not() -> None:
    p_values = [0.04, 0.01, 0.03]

    assert correct(p_values, "holm") == pytest.approx((0.06, 0.03, 0.06))
    assert correct(p_values, "bonferroni") == pytest.approx((0.12, 0.03, 0.09))


@given(P_VALUES)
@settings(deadline=None, max_examples=100)
def test_holm_lies_between_the_p_value_and_bonferroni_and_keeps_the_order(p_values: list[float]) -> None:
    holm, bonferroni = correct(p_values, "holm"), correct(p_values, "bonferroni")

    assert all(p <= h <= b <= 1 for p, h, b in zip(p_values, holm, bonferroni, strict=True))
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    assert all(holm[a] <= holm[b] for a, b in itertools.pairwise(order))


def test_drift_needs_both_a_low_p_value_and_an_effect() -> None:
    decision = decide(Policy(), seen((1e-9, 0.2), (1e-9, 0.09), (0.5, 0.9)))

    assert [each.drifted for each in decision.tests] == [True, False, False]
    assert decision.alpha_spent == spend(0.05, 1)
    assert decision.status is Status.DRIFTED


def test_a_later_window_asks_for_a_lower_p_value() -> None:
    assert decide(Policy(), seen((0.001, 0.5), window=5)).status is Status.DRIFTED
    assert decide(Policy(), seen((0.001, 0.5), window=6)).status is Status.STABLE


def test_drift_is_strong_where_the_scores_drifted_or_features_they_depend_on() -> None:
    drifted, stable = (1e-9, 0.2), (0.5, 0.2)
    assert not decide(Policy(), replace(seen(drifted), importance={"f0": 0.19})).strong
    assert decide(Policy(), replace(seen(drifted), importance={"f0": 0.2})).strong
    assert not decide(Policy(), replace(seen(stable, drifted), importance={"f0": 0.9})).strong
    score = Test(SCORE, "ks", 0.4, 1e-9, 0.2, "wasserstein")
    assert decide(Policy(), Inputs(1, 500, 50, (score,))).strong


def test_without_tests_a_window_is_insufficient_and_spends_nothing() -> None:
    decision = decide(Policy(), Inputs(1, 500, 50))
    assert (decision.status, decision.alpha_spent, decision.strong) == (Status.INSUFFICIENT, 0.0, False)
    few = replace(seen((1e-9, 0.2)), rows=499)
    assert decide(Policy(), few).status is Status.INSUFFICIENT
    assert decide(Policy(min_rows=499), few).status is Status.DRIFTED
    with pytest.raises(ValueError, match="from 1"):
        decide(Policy(), Inputs(0, 500, 50))


def test_a_small_window_or_reference_is_insufficient_and_never_stable() -> None:
    rng = np.random.default_rng(0)
    large, small = (table([number("x", rng.normal(size=n))]) for n in (600, 499))
    tiny = table([number("x", [1.0] * 49)])

    for reference, current in ((large, small), (tiny, large)):
        checked = check(reference, current, detector="scipy_ks", policy=Policy(), window=1)
        assert checked.status is Status.INSUFFICIENT
        assert checked.tests == ()
    assert (
        check(large, small, detector="scipy_ks", policy=Policy(min_rows=400), window=1).status
        is Status.STABLE
    )


def test_a_window_of_one_row_and_an_empty_one_are_insufficient() -> None:
    large = table([number("x", range(600)), category("c", "ab" * 300)])
    for rows in (1, 0):
        current = table([number("x", [1.0] * rows), category("c", "z" * rows)])
        checked = check(large, current, detector="scipy_tabular", policy=Policy(), window=1)
        assert checked.status is Status.INSUFFICIENT
        assert [new.categories for new in checked.new_categories] == [("z",)] * rows


def test_an_unknown_detector_is_refused_with_the_names_there_are() -> None:
    some = table([number("x", range(600))])
    with pytest.raises(UnknownDetector, match=r"'kss'; there are tabular, ks"):
        check(some, some, detector="kss", policy=Policy(), window=1)


class TestSimulated:
    """Rates over many series of windows, seeded."""

    def test_thirty_windows_of_twenty_features_without_drift_alarm_no_more_than_the_budget(self) -> None:
        alarms, _ = share(Series(reference_rows=3_000), "budget", runs=60, seed=1)

        # 5 % of 60 is 3; 7 or more would come by chance in 3 % of such tests.
        assert alarms <= 6 / 60

    def test_a_shift_of_a_fifth_of_a_standard_deviation_is_found_in_92_percent_of_series_or_more(
        self,
    ) -> None:
        found, windows = share(Series(shift=0.2, reference_rows=3_000), "budget and effect", runs=60, seed=2)

        assert found >= 0.85
        assert np.median(windows) <= 2

    def test_without_correction_every_series_alarms(self) -> None:
        assert share(Series(windows=10, reference_rows=3_000), "uncorrected", runs=20, seed=3)[0] == 1.0

    def test_a_harmless_shift_in_many_rows_is_not_drift(self) -> None:
        many = Series(features=1, windows=1, rows=100_000, reference_rows=100_000, shift=0.03)

        assert share(many, "uncorrected", runs=5, seed=4)[0] == 1.0
        assert share(many, "budget and effect", runs=5, seed=4)[0] == 0.0

    def test_the_simulation_tests_as_the_detector_does(self) -> None:
        from benchmarks.simulations.drift import _kolmogorov_smirnov

        rng = np.random.default_rng(6)
        left, right = rng.normal(size=(2_000, 3)), rng.normal(0.1, 1, size=(500, 3))
        tables = [table([number(f"x{i}", side[:, i]) for i in range(3)]) for side in (left, right)]
        checked = check(*tables, detector="scipy_ks", policy=Policy(), window=1)

        simulated = _kolmogorov_smirnov(np.sort(left, axis=0), np.sort(right, axis=0))
        assert [each.test.p_value for each in checked.tests[:3]] == pytest.approx(simulated, rel=0.1)
