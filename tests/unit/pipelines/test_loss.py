"""The loss of one answer, and of a holdout: the same rule."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pipelines.loss import clipped_absolute, holdout_loss, zero_one


def test_losses_lie_between_zero_and_one() -> None:
    assert (zero_one("a", "b"), zero_one("a", "a")) == (1.0, 0.0)
    assert clipped_absolute(10.0, 12.0, scale=4.0) == 0.5
    assert clipped_absolute(10.0, 99.0, scale=4.0) == 1.0
    with pytest.raises(ValueError, match="scale"):
        clipped_absolute(1.0, 2.0, scale=0.0)
    with pytest.raises(ValueError, match="finite"):
        clipped_absolute(math.nan, 2.0, scale=1.0)


def test_a_holdouts_loss_is_the_mean_of_its_answers() -> None:
    target, predicted = np.array([1.0, 2.0, 9.0]), np.array([1.5, 2.0, 1.0], dtype=np.float32)
    found = holdout_loss(target, predicted, scale=2.0)
    each = [clipped_absolute(p, t, scale=2.0) for p, t in zip(predicted, target, strict=True)]
    assert (found.rows, found.mean, found.scale) == (3, pytest.approx(sum(each) / 3), 2.0)
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8]], dtype=np.float32)
    assert holdout_loss(np.array([0, 0]), probabilities, scale=None).mean == 0.5
