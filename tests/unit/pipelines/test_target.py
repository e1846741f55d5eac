"""The target: task, classes, and what cannot be learnt."""

from __future__ import annotations

import pyarrow as pa
import pytest

from pipelines.errors import StepError
from pipelines.target import class_indices, classes_of, infer_task, usable_rows


def column(values: list[object]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values)])


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["a", "b"], "classification"),
        ([True, False, None], "classification"),
        ([0, 1, 1], "classification"),
        (list(range(50)), "regression"),
        ([0.0, 1.0], "classification"),
        ([0.5, 1.5], "regression"),
        ([1.0, 2.0, 3.0], "regression"),
    ],
)
def test_the_task_is_inferred_from_type_and_distinct_values(values: list[object], task: str) -> None:
    assert infer_task(column(values)) == task


def test_classes_are_in_a_fixed_order_and_whole_numbers_stay_whole() -> None:
    assert classes_of(column(["b", "a", None, "B"]), "y") == ["B", "a", "b"]
    assert classes_of(column([3.0, 1.0]), "y") == [1, 3]
    assert classes_of(column([True, False]), "y") == [False, True]


def test_one_class_and_too_many_classes_are_refused_with_the_fix() -> None:
    with pytest.raises(StepError, match="one class only: 'a'") as single:
        classes_of(column(["a", "a", None]), "y")
    assert "another class" in single.value.fix
    with pytest.raises(StepError, match="300 distinct values") as many:
        classes_of(column([f"id{i}" for i in range(300)]), "y")
    assert "task: regression" in many.value.fix


def test_rows_map_to_class_indices_and_the_unknown_to_minus_one() -> None:
    assert class_indices(column(["b", "a", None, "z"]), ["a", "b"]).tolist() == [1, 0, -1, -1]
    assert class_indices(column([2.0, 1.0]), [1, 2]).tolist() == [1, 0]


def test_rows_without_a_usable_target_are_dropped() -> None:
    table = pa.table({"y": pa.array([1.0, None, float("nan"), float("inf"), 1e300, -2.0])})
    assert usable_rows(table, "y")["y"].to_pylist() == [1.0, -2.0]
    texts = pa.table({"y": ["a", "b"]})
    assert usable_rows(texts, "y") is texts
