"""XGBoost and LightGBM on rows with every kind of column and gaps, from the dataset to the version."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.training import CHURN_KINDS, churn_table, put_dataset, train

from eventing.store import MemoryStore

SMALL = "{n_estimators: [10], max_depth: [3]}"


@pytest.mark.parametrize("target", ["churned", "amount"])
def test_boosters_become_a_version_that_predicts_what_they_do(target: str, tmp_path: Path) -> None:
    spec = (
        f"model: churn\ntarget: {target}\ntrain:\n  candidates:\n"
        f"    - {{estimator: xgboost, grid: {SMALL}}}\n    - {{estimator: lightgbm, grid: {SMALL}}}\n"
    )
    store = MemoryStore()
    card = train(store, put_dataset(store, [churn_table(300)], CHURN_KINDS, spec), tmp_path)
    told = json.loads(card.to_json())
    assert {each["estimator"] for each in told["experiments"]} == {"xgboost", "lightgbm"}
    assert [each["failed"] for each in told["experiments"]] == [None, None]
    assert told["parity"]["close"] == 1.0
    assert told["parity"]["largest"] < 1e-4
    assert [warning for warning in told["warnings"] if "target" not in warning] == []
    assert "model.skops" in card.files
