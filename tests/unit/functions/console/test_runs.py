"""Trainings side by side."""

from __future__ import annotations

from typing import Any

import pytest

from functions.console.runs import LOWER_IS_BETTER, chosen_of, runs_of
from pipelines.metrics import METRICS


def experiment(name: str, mean: float | None) -> dict[str, Any]:
    return {"estimator": name, "mean": mean}


def test_lower_is_better_for_the_metrics_of_which_that_is_so() -> None:
    assert {
        name for name, metric in METRICS.items() if metric.score(1.0) < metric.score(0.0)
    } == LOWER_IS_BETTER


@pytest.mark.parametrize(("metric", "chosen"), [("rmse", "a"), ("accuracy", "b"), (None, "b")])
def test_the_best_mean_was_chosen(metric: str | None, chosen: str) -> None:
    found = chosen_of([experiment("failed", None), experiment("a", 0.1), experiment("b", 0.9)], metric)

    assert found is not None
    assert found["estimator"] == chosen
    assert chosen_of([experiment("failed", None)], metric) is None


def test_a_run_has_what_its_events_say_and_odd_events_are_passed_over() -> None:
    runs = [
        {"run_id": f"r{number}", "version": number, "outcome": outcome}
        for number, outcome in ((1, "completed"), (2, "failed"), (3, None))
    ]
    training = [{"run_id": "r3", "version": 3, "since": None, "ahead": 1, "number": None}]
    done = {"id": "d", "data": {"run_id": "r1", "metrics": {"f1": 0.5}, "experiments": None, "seconds": 3}}
    failed = {"id": "f", "data": {"run_id": "r2", "step": "refit", "error": "no"}}

    found, metrics = runs_of(
        {"governor": {"runs": runs, "training": training}},
        [{"event": done}, {"event": {"id": "odd", "data": "text"}}],
        [{"event": failed}],
    )

    assert [each["version"] for each in found] == [3, 2, 1]
    assert found[0]["progress"]["ahead"] == 1
    assert (found[1]["failure"]["step"], found[1]["failure"]["event"]) == ("refit", "f")
    assert (found[2]["seconds"], metrics) == (3, ["f1"])
