"""What two models predict can be compared column by column."""

from __future__ import annotations

import numpy as np

from functions.evaluate_model.scoring import aligned


def test_probabilities_are_put_in_the_order_of_our_classes() -> None:
    theirs = np.array([[0.2, 0.8]], dtype=np.float32)
    assert aligned(theirs, ["b", "a"], ["a", "b", "c"]).tolist() == [[np.float32(0.8), np.float32(0.2), 0]]
    assert aligned(theirs, ["a", "b"], ["a", "b"]) is theirs
