"""Which windows of the past are tried, and which is chosen."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.windows import choose, fitted_to, last_change, lengths, newest_rows


def losses(*stretches: tuple[int, float], seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.concatenate([(rng.random(rows) < mean).astype(float) for rows, mean in stretches])


@pytest.mark.parametrize("seed", range(20))
def test_a_change_of_the_loss_is_found_where_it_is(seed: int) -> None:
    found = last_change(losses((2_000, 0.1), (300, 0.5), seed=seed))
    assert found is not None
    assert abs(found - 2_000) <= 120


def test_of_several_changes_the_last_one_counts_also_where_the_loss_fell() -> None:
    found = last_change(losses((2_000, 0.1), (1_000, 0.5), (500, 0.2)))
    assert found is not None
    assert abs(found - 3_000) <= 60


def test_equal_losses_hardly_ever_seem_to_change() -> None:
    found = [last_change(losses((3_000, 0.2), seed=seed)) for seed in range(100)]
    assert sum(each is not None for each in found) <= 3


@pytest.mark.parametrize("rows", [0, 1, 50, 79])
def test_too_few_losses_show_no_change(rows: int) -> None:
    assert last_change(np.arange(rows) / 100) is None


def test_a_constant_loss_shows_no_change() -> None:
    assert last_change(np.full(1_000, 0.3)) is None


def test_all_rows_come_first_then_ever_shorter_windows() -> None:
    assert lengths(20_000, change=17_500) == [20_000, 16_000, 4_000, 2_500, 1_000]
    assert lengths(4_500) == [4_500, 1_000]


def test_the_newest_rows_never_take_all_of_a_window() -> None:
    for rows in range(100, 6_000, 37):
        for change in (None, *range(40, rows - 39, 101)):
            newest = newest_rows(rows, change)
            assert all(length - newest >= 40 for length in lengths(rows, change=change)[1:])
            assert newest < rows


@pytest.mark.parametrize(
    ("length", "change", "rows"),
    [
        (5_000, None, (0, 4_500)),
        (1_000, None, (3_500, 4_500)),
        (4_800, None, (0, 4_500)),
        (800, 4_200, (4_200, 4_500)),
        (1_000, 4_200, (3_500, 4_500)),
        (400, 4_200, (4_200, 4_500)),
    ],
)
def test_a_window_is_measured_by_as_many_rows_as_it_has_but_none_of_before_a_change(
    length: int, change: int | None, rows: tuple[int, int]
) -> None:
    assert fitted_to(5_000, length, 500, change) == slice(*rows)


def test_few_rows_are_not_compared() -> None:
    assert lengths(99, change=50) == [99]


def test_a_window_must_have_rows_of_every_class() -> None:
    classes = np.zeros(5_000, dtype=np.int64)
    classes[:100] = 1
    assert lengths(5_000, classes=classes) == [5_000]
    classes[1_200] = classes[2_000:2_004] = 1
    assert lengths(5_000, classes=classes) == [5_000, 4_000]


def test_a_shorter_window_is_chosen_only_where_it_is_clearly_better() -> None:
    rng = np.random.default_rng(0)
    whole = (rng.random(300) < 0.3).astype(float)
    nearly = whole.copy()
    nearly[np.flatnonzero(whole)[:10]] = 0
    nearly[np.flatnonzero(whole == 0)[:8]] = 1
    better = whole * (rng.random(300) < 0.3)
    assert choose([whole, nearly]).index == 0
    assert choose([whole, nearly, better]).index == 2
    assert choose([whole, whole]).index == 0
    assert choose([whole]).means == (pytest.approx(whole.mean()),)


def test_weights_say_which_rows_count() -> None:
    one, other = np.array([1.0, 1, 0, 0] * 20), np.array([0.0, 0, 1, 1] * 20)
    first = np.array([1.0, 1, 9, 9] * 20)
    assert choose([one, other], weights=first).index == 0
    assert choose([one, other], weights=1 / first).index == 1
