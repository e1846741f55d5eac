from __future__ import annotations

import pytest

from knative.local.broker.ttl import next_ttl


@pytest.mark.parametrize(
    ("current", "after"),
    [
        (None, 255),
        ("", 255),
        ("x", 255),
        ("1.5", 255),
        (" 7", 255),
        ("٣", 255),
        ("9" * 30, 255),
        ("+3", 2),
        ("255", 254),
        ("2", 1),
        ("1", 0),
        ("0", -1),
        ("-4", -5),
    ],
)
def test_17_18_a_ttl_counts_down_and_anything_else_starts_anew(current: str | None, after: int) -> None:
    assert next_ttl(current, 255) == after
