"""What a champion's loss is held against."""

from __future__ import annotations

import pytest

from functions.watch_performance.logic import with_gap
from functions.watch_performance.sequential_test import FIRST_WINDOW, SequentialTest, add_loss


def after(errors: int) -> SequentialTest:
    """The test after a first window with so many errors."""
    test = SequentialTest()
    for number in range(FIRST_WINDOW):
        test = add_loss(test, float(number * errors % FIRST_WINDOW < errors), baseline=0.5)
    return test


def test_the_gap_between_holdout_and_first_window_is_no_harm() -> None:
    assert with_gap(0.15, SequentialTest()) == 0.15, "the window is not full yet"
    assert with_gap(0.15, after(36)) == 0.15, "0.18 in 200 labels may be chance"
    assert with_gap(0.2, after(60)) == pytest.approx(0.3 + 2 * (0.3 * 0.7 / 200) ** 0.5)


def test_a_version_that_is_far_worse_than_promised_is_told_of() -> None:
    assert with_gap(0.05, after(80)) == 0.1
