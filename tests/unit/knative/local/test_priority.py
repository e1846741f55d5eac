"""A process gives way in proportion to the CPU that its container requests."""

from __future__ import annotations

from typing import Any

import pytest

from knative.local.processes.priority import niceness_of


@pytest.mark.parametrize(
    ("requested", "niceness"),
    [
        ("100m", 0),
        ("1", 0),
        (2, 0),
        ("50m", 3),
        ("0.05", 3),
        ("1m", 19),
        ("0", 19),
        ("much", 0),
        (None, 0),
    ],
)
def test_who_requests_less_gives_way(requested: Any, niceness: int) -> None:
    assert niceness_of({"resources": {"requests": {"cpu": requested}}}) == niceness


@pytest.mark.parametrize("container", [{}, {"resources": None}, {"resources": {"limits": {"cpu": "10m"}}}])
def test_who_requests_nothing_does_not(container: dict[str, Any]) -> None:
    assert niceness_of(container) == 0
