"""What a wrong class costs, and what the best answer that is always the same loses."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.class_costs import RAREST, ClassCosts, class_costs
from pipelines.loss import holdout_loss, mean_cost

ROWS = np.array([990, 10])


def costs(loss: object, classes: tuple[object, ...] = ("no", "yes"), rows: object = ROWS) -> ClassCosts:
    found = class_costs(loss, classes, rows)  # type: ignore[arg-type]
    assert found is not None
    return found


def test_where_each_error_counts_one_there_are_no_costs() -> None:
    assert class_costs("zero_one", ("no", "yes"), ROWS) is None


def test_balanced_classes_count_alike_however_rare() -> None:
    found = costs("balanced")

    never, always = found.matrix()[:, 0] @ [0.99, 0.01], found.matrix()[:, 1] @ [0.99, 0.01]
    assert never == pytest.approx(always)
    assert found.unit == pytest.approx(never)
    assert found.weights[1] == 1.0


def test_a_class_with_hardly_any_rows_does_not_make_all_others_count_for_nothing() -> None:
    found = costs("balanced", ("a", "b", "c"), np.array([5_000, 4_999, 1]))

    assert found.weights[2] == 1.0
    assert found.weights[0] == pytest.approx(RAREST * 2, rel=0.01)


def test_costs_are_shares_of_the_largest_and_what_is_not_named_costs_one() -> None:
    found = costs({"1": {"0": 20.0}}, (0, 1))

    assert found.matrix().tolist() == [[0.0, 0.05], [1.0, 0.0]]
    assert found.by_name((0, 1)) == {("0", "1"): 0.05, ("1", "0"): 1.0}
    assert found.unit == pytest.approx(0.01)


def test_costs_below_one_are_shares_of_the_largest_as_well() -> None:
    found = costs({"no": {"yes": 0.1}, "yes": {"no": 0.5}})

    assert found.matrix().tolist() == [[0.0, 0.2], [1.0, 0.0]]


@pytest.mark.parametrize(
    "loss", [{"no": {"yes": 0.0}, "yes": {"no": 0.0}}, {"no": {"yes": 0.0}}, {"yes": {"no": 0.0}}]
)
def test_costs_by_which_one_answer_is_always_right_are_refused(loss: object) -> None:
    with pytest.raises(ValueError, match="cost"):
        costs(loss)


def test_a_class_that_there_is_not_is_refused() -> None:
    with pytest.raises(KeyError):
        costs({"maybe": {"no": 2.0}})


def test_a_holdouts_loss_counts_by_the_costs_and_says_how_many_rows_lost_how_much() -> None:
    truth = np.array([0] * 990 + [1] * 10)
    never = np.tile([0.9, 0.1], (1_000, 1))
    found = holdout_loss(truth, never, scale=None, costs=costs("balanced"))

    assert found.mean == pytest.approx(0.01)
    assert found.counts == ((0.0, 990), (1.0, 10))
    assert found.costs == costs("balanced")


def test_as_a_metric_the_best_constant_answer_loses_one() -> None:
    truth = np.array([0] * 990 + [1] * 10)
    never, right = np.tile([0.9, 0.1], (1_000, 1)), np.eye(2)[truth]
    metric = mean_cost(costs("balanced"))

    assert metric.compute(truth, never) == pytest.approx(1.0)
    assert metric.compute(truth, right) == 0.0
    assert metric.score(metric.compute(truth, right)) > metric.score(metric.compute(truth, never))
