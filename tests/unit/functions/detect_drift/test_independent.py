"""Rows that depend on others are left out of a test for drift."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from functions.detect_drift.columns import category, number, table
from functions.detect_drift.independent import every_nth, rows_apart, rows_are_unlike, without_repeats


def autoregressive(rho: float, n: int, seed: int = 0) -> list[float]:
    rng = np.random.default_rng(seed)
    values = [float(rng.normal())]
    for shock in rng.normal(size=n - 1) * (1 - rho**2) ** 0.5:
        values.append(rho * values[-1] + float(shock))
    return values


@pytest.mark.parametrize("seed", range(5))
def test_rows_that_are_independent_are_all_tested(seed: int) -> None:
    rng = np.random.default_rng(seed)
    columns = [number(f"x{i}", rng.normal(size=500)) for i in range(20)]
    columns.append(category("c", rng.choice(["a", "b"], 500).tolist()))
    assert rows_apart(table(columns)) == 1


def test_rows_of_a_slow_process_are_tested_apart() -> None:
    n = rows_apart(table([number("x", autoregressive(0.5, 500)), number("y", [1.0] * 500)]))
    assert 2 <= n <= 16
    assert every_nth(pa.table({"x": list(range(10))}), 4)["x"].to_pylist() == [0, 4, 8]


@pytest.mark.parametrize("rho", [0.5, 0.8])
@pytest.mark.parametrize("seed", range(5))
def test_single_rows_so_far_apart_are_hardly_correlated(rho: float, seed: int) -> None:
    columns = [number(f"x{place}", autoregressive(rho, 500, seed=10 * seed + place)) for place in range(5)]
    assert rho ** rows_apart(table(columns)) < 0.1


def test_states_that_last_are_seen_in_categories_and_missing_values_are_no_obstacle() -> None:
    lasting = [str(i // 25 % 3) for i in range(1_000)]
    assert rows_apart(table([category("c", [None if i % 9 == 0 else v for i, v in enumerate(lasting)])])) > 8


def test_the_first_row_of_each_entity_counts_and_rows_of_nobody_do() -> None:
    data = pa.table({"who": ["a", "b", None, "a", None], "x": [1, 2, 3, 4, 5]})
    assert without_repeats(data, ["x"], entity="who", unlike=True)["x"].to_pylist() == [1, 2, 3, 5]


def test_equal_rows_count_once_where_rows_hardly_repeat_in_the_reference() -> None:
    data = pa.table({"x": [1.0, 2.0, 1.0, None, None], "y": ["a", "a", "a", None, None]})
    assert rows_are_unlike(pa.table({"x": list(range(100)), "y": ["a"] * 100}), ["x", "y"])
    assert not rows_are_unlike(pa.table({"x": [1, 2] * 50}), ["x"])
    assert without_repeats(data, ["x", "y"], entity=None, unlike=True)["x"].to_pylist() == [1.0, 2.0, None]
    assert without_repeats(data, ["x", "y"], entity=None, unlike=False).num_rows == 5
    assert without_repeats(data, ["x", "y"], entity="who", unlike=False).num_rows == 5
