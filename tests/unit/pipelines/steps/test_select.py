"""The best experiment, and what happens when none can be measured."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.errors import StepError
from pipelines.steps.select import select


def result(name: str, mean: float | None, failed: str | None = None) -> dict[str, Any]:
    return {"estimator": name, "mean": mean, "failed": failed}


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


def test_what_failed_is_passed_over_while_anything_was_measured() -> None:
    results = [result("a", None, "a: too few rows"), result("b", 0.6)]
    assert select(results, "roc_auc")["estimator"] == "b"


def test_when_every_experiment_failed_each_reason_is_said_once() -> None:
    results = [result("a", None, "a: no"), result("a", None, "a: no"), result("b", None, "b: never")]
    with pytest.raises(StepError, match=r"every experiment failed: a: no; b: never$") as caught:
        select(results, "roc_auc")
    assert "train.candidates" in caught.value.fix


def test_when_some_failed_and_the_others_are_undefined_the_metric_is_named() -> None:
    with pytest.raises(StepError, match="'roc_auc' is undefined"):
        select([result("a", None, "a: no"), result("b", None)], "roc_auc")
