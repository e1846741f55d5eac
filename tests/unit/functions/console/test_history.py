"""What recorded events say over time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.console.history import drift_table, loss_by_version, parts_of, when

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def joined(minute: int, *versions: tuple[int, int, float]) -> dict[str, Any]:
    found = [{"version": v, "labelled": labels, "mean_loss": mean} for v, labels, mean in versions]
    at = (NOON + timedelta(minutes=minute)).isoformat()
    return {"seq": minute, "event": {"type": "t", "time": at, "data": {"versions": found}}}


def test_a_point_is_the_loss_of_the_labels_since_the_one_before() -> None:
    rows = [joined(1, (1, 100, 0.1)), joined(2, (1, 200, 0.3))]

    points = loss_by_version(rows)[1]

    assert [(each.labels, round(each.value, 6)) for each in points] == [(100, 0.1), (100, 0.5)]


def test_few_labels_are_put_together_and_none_is_lost() -> None:
    rows = [joined(minute, (1, 5 * minute, 0.2)) for minute in range(1, 41)]

    points = loss_by_version(rows)[1]

    assert sum(each.labels for each in points) == 200
    assert min(each.labels for each in points) >= 20
    assert all(each.value == pytest.approx(0.2) for each in points)


def test_a_version_with_a_handful_of_labels_has_a_point() -> None:
    assert len(loss_by_version([joined(1, (3, 4, 0.5))])[3]) == 1


def test_counts_that_begin_anew_make_no_point_of_negative_size() -> None:
    points = loss_by_version([joined(1, (1, 500, 0.4)), joined(2, (1, 100, 0.1))])[1]

    assert [each.labels for each in points] == [500, 100]
    assert points[1].value == pytest.approx(0.1)


@given(
    st.lists(
        st.recursive(
            st.none() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=6,
        ),
        max_size=4,
    )
)
def test_data_of_an_unexpected_shape_breaks_no_page(data: list[Any]) -> None:
    rows = [{"seq": 1, "event": {"type": "dataset.ingested", "time": "never", "data": each}} for each in data]

    assert loss_by_version(rows) == {}
    drift_table(rows)
    assert len(parts_of(rows)) == len(rows)


def test_the_features_that_moved_most_come_first_and_what_was_not_tested_is_empty() -> None:
    checks = [
        {
            "event": {
                "id": "a",
                "time": "t",
                "data": {"window": 1, "features": [{"feature": "age", "effect": 0.02}]},
            }
        },
        {
            "event": {
                "id": "b",
                "time": "t",
                "data": {
                    "window": 2,
                    "features": [
                        {"feature": "age", "effect": 0.06, "drifted": False},
                        {"feature": "income", "effect": 1.5, "drifted": True},
                    ],
                },
            }
        },
    ]

    table = drift_table(checks)

    assert [name for name, _ in table.features] == ["income", "age"]
    (never, strong), (weak, more) = (cells for _, cells in table.features)
    assert (never.strength, never.effect, strong.strength, strong.drifted) == (None, None, 4, True)
    assert (weak.strength, more.strength, more.drifted) == (0, 1, False)


def test_only_the_newest_checks_are_shown() -> None:
    rows = [{"event": {"id": str(n), "data": {"window": n, "features": []}}} for n in range(100)]

    assert [check["window"] for check in drift_table(rows, most_checks=3).checks] == [97, 98, 99]


@pytest.mark.parametrize("text", [None, 3, "", "yesterday", "2026-01-01T00:00:00"])
def test_what_is_no_time_with_an_offset_is_none(text: Any) -> None:
    assert when(text) is None
