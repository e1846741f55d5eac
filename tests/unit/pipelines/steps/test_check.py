"""What training needs of a table, and what it says when that is not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from support.training import put_dataset

from eventing.store import MemoryStore
from pipelines.errors import StepError
from pipelines.steps.check import check
from pipelines.steps.extract import extract


def checked(folder: Path, table: pa.Table, kinds: dict[str, str], spec: str = "") -> dict[str, Any]:
    store = MemoryStore()
    text = spec if "target:" in spec else f"target: y\n{spec}"
    extract(store, put_dataset(store, [table], kinds, f"model: m\n{text}"), folder / "e")
    return check(folder / "e", folder / "c", "m")


def rows(count: int, **columns: list[Any]) -> pa.Table:
    return pa.table({"x": [float(i) for i in range(count)], **columns})


def test_task_classes_features_and_metric_are_found(tmp_path: Path) -> None:
    table = rows(40, who=[f"e{i}" for i in range(40)], y=["no", "yes"] * 20)
    kinds = {"x": "number", "who": "category", "y": "category"}
    found = checked(tmp_path, table, kinds, "target: y\nentity: who\n")
    assert found["task"] == "classification"
    assert found["classes"] == ["no", "yes"]
    assert found["features"] == [["x", "number"]]
    assert found["metric"] == "roc_auc"


@pytest.mark.parametrize(
    ("target", "kind", "spec", "message", "fix"),
    [
        (["a"] * 40, "category", "", "one class only: 'a'", "another class"),
        ([3.5] * 40, "number", "task: regression\n", "is 3.5 in every row", "differs"),
        (["a", "b"] * 20, "category", "task: regression\n", "regression needs numbers", "classification"),
        ([f"id{i}" for i in range(300)], "category", "", "300 distinct values", "regression"),
        ([None] * 30 + ["a", "b"] * 5, "category", "", "10 rows have a target", "more labelled rows"),
        (["a", "b"] * 20, "category", "target: z\n", "'z' is no column of the data", "`target`"),
        (["a", "b"] * 20, "category", "train: {metric: rmse}\n", "'rmse' is no metric", "one of roc_auc"),
        (
            [0.5, 1.5] * 20,
            "number",
            "train: {candidates: [{estimator: logistic_regression}]}\n",
            "'logistic_regression' is no allowed estimator of regression",
            "linear_regression",
        ),
    ],
)
def test_what_cannot_be_trained_is_refused_with_its_fix(
    tmp_path: Path, target: list[Any], kind: str, spec: str, message: str, fix: str
) -> None:
    with pytest.raises(StepError) as caught:
        checked(tmp_path, rows(len(target), y=target), {"x": "number", "y": kind}, spec)
    assert message in caught.value.problem
    assert fix in caught.value.fix


def test_a_table_without_features_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StepError, match="there is no feature"):
        checked(tmp_path, pa.table({"y": ["a", "b"] * 20}), {"y": "category"})


def test_empty_features_and_dropped_rows_are_warned_of(tmp_path: Path) -> None:
    table = rows(41, z=[None] * 41, y=["a", "b"] * 20 + [None])
    found = checked(tmp_path, table, {"x": "number", "z": "number", "y": "category"})
    assert found["warnings"] == [
        "1 rows without a usable target are left out",
        "1 features have no value in any row: z",
    ]
