"""How far ONNX may be from scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.errors import StepError
from pipelines.parity import compare, require, spread_of


def probabilities(rows: int) -> np.ndarray:
    first = np.random.default_rng(0).random(rows)
    return np.stack([first, 1 - first], axis=1)


def test_equal_predictions_pass_and_say_so() -> None:
    expected = probabilities(200)
    found = compare(expected, expected.astype(np.float32))
    require(found)
    assert found.agreeing == 1.0
    assert found.to_json()["limits"]["min_agreeing"] == 0.995


def test_swapped_labels_fail_naming_limits_and_findings() -> None:
    expected = probabilities(200)
    wrong = expected.copy()
    wrong[:4] = wrong[:4, ::-1]
    with pytest.raises(StepError, match=r"labels agree on 0\.98.* \(at least 0\.995\)") as caught:
        require(compare(expected, wrong))
    assert "another estimator" in caught.value.fix


def test_probabilities_too_far_off_fail_though_labels_agree() -> None:
    expected = np.tile([0.9, 0.1], (200, 1))
    with pytest.raises(StepError, match=r"0\.0000 of the rows are within 0\.01"):
        require(compare(expected, expected + np.array([-0.05, 0.05])))


def test_one_row_on_an_edge_is_spared_and_a_tie_is_no_disagreement() -> None:
    expected = probabilities(20)
    edge = expected.copy()
    edge[0] = edge[0, ::-1]
    require(compare(expected, edge))
    assert compare(np.array([[0.5, 0.5]]), np.array([[0.4999999, 0.5000001]])).agreeing == 1.0


def test_numbers_are_compared_in_units_of_their_spread() -> None:
    expected = np.linspace(0, 1e6, 200)
    require(compare(expected, expected + 100, scale=spread_of(expected)))
    with pytest.raises(StepError):
        require(compare(expected, expected + 1e5, scale=spread_of(expected)))


@pytest.mark.parametrize("value", [0.0, 0.1, -1_234_567.3, 3e37])
def test_a_model_with_one_answer_may_be_rounded_to_float32_and_no_more(value: float) -> None:
    expected = np.full(50, value)
    require(compare(expected, expected.astype(np.float32), spread_of(expected)))
    with pytest.raises(StepError):
        require(compare(expected, expected + (abs(value) * 1e-6 or 0.1), spread_of(expected)))
