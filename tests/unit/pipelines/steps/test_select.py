"""The best experiment, and what happens when none can be measured."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.errors import StepError
from pipelines.steps.select import select


def result(name: str, mean: float | None) -> dict[str, Any]:
    return {"estimator": name, "mean": mean}


def test_more_is_better_or_less_is_as_the_metric_says() -> None:
    results = [result("a", 0.5), result("b", 0.9), result("c", None)]
    assert select(results, "roc_auc")["estimator"] == "b"
    assert select(results, "rmse")["estimator"] == "a"


def test_of_equals_the_first_is_taken_even_when_they_differ_by_rounding() -> None:
    assert select([result("a", 0.3), result("b", 0.1 + 0.2)], "roc_auc")["estimator"] == "a"


def test_no_defined_value_is_an_error_with_a_fix() -> None:
    with pytest.raises(StepError, match="undefined in every round") as caught:
        select([result("a", None)], "roc_auc")
    assert "log_loss" in caught.value.fix
