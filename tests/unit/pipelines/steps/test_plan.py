"""The plan: every combination once, and enough items for two workers."""

from __future__ import annotations

import pytest

from pipelines.spec import parse_spec
from pipelines.steps.plan import plan_experiments


@pytest.mark.parametrize(
    ("candidates", "sizes"),
    [
        ("", [3, 2]),
        ("[{estimator: ridge, grid: {alpha: [1, 2, 3, 4, 5]}}]", [3, 2]),
        ("[{estimator: ridge, grid: {alpha: [1]}}]", [1]),
        ("[{estimator: linear_regression}, {estimator: knn}, {estimator: mlp}]", [1, 2, 2]),
    ],
)
def test_items_cover_every_combination(candidates: str, sizes: list[int]) -> None:
    text = f"target: y\ntrain: {{candidates: {candidates}}}" if candidates else "target: y"
    items = plan_experiments(parse_spec(text.encode(), model="m"), "regression", 10)
    assert [len(item["parameters"]) for item in items] == sizes
    every = [(item["estimator"], tuple(p.items())) for item in items for p in item["parameters"]]
    assert len(set(every)) == len(every)
