"""Filters that no event can pass are told from those that one could."""

from __future__ import annotations

from typing import Any

import pytest

from knative.local.broker.filters import parse_filters
from knative.local.broker.filters.never import why_never


@pytest.mark.parametrize(
    ("filters", "why"),
    [
        ([{"exact": {"type": "a"}}, {"exact": {"type": "b"}}], "cannot be 'a' and 'b' at once"),
        ([{"all": [{"exact": {"type": "a"}}, {"all": [{"exact": {"type": "b"}}]}]}], "at once"),
        ([{"exact": {"type": "dev.a"}}, {"prefix": {"type": "org."}}], "never begins with 'org.'"),
        ([{"exact": {"subject": "a.csv"}}, {"suffix": {"subject": ".json"}}], "never ends with"),
        ([{"prefix": {"type": "dev."}}, {"prefix": {"type": "org."}}], "never begins with both"),
        ([{"any": [{"cesql": "FALSE"}, {"exact": {"specversion": "2.0"}}]}], "false"),
        ([{"exact": {"specversion": "2.0"}}], "never '2.0'"),
        ([{"exact": {"subject": ""}}], "must not be empty"),
        ([{"exact": {"source": "a b"}}], "percent-encoded"),
        ([{"cesql": "1 = 2"}], "is false, whatever the event is"),
        ([{"cesql": "FALSE AND type = 'a'"}], "is false"),
        ([{"cesql": "1 / 0 = 1"}], "has no value, whatever the event is: division by zero"),
    ],
)
def test_a_filter_that_no_event_can_pass_is_told_with_the_reason(filters: list[Any], why: str) -> None:
    assert why in (why_never(parse_filters({"filters": filters})) or "")


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"filter": {"attributes": {"type": "a", "subject": ""}}},
        {"filters": [{"exact": {"type": "dev.a"}}, {"prefix": {"type": "dev."}}, {"suffix": {"type": "a"}}]},
        {"filters": [{"prefix": {"type": "dev."}}, {"prefix": {"type": "dev.kascade."}}]},
        {"filters": [{"any": [{"cesql": "FALSE"}, {"exact": {"type": "a"}}]}]},
        {"filters": [{"not": {"cesql": "FALSE"}}]},
        {"filters": [{"cesql": "type = 'a' OR FALSE"}]},
        {"filters": [{"cesql": "NOT EXISTS subject"}]},
        {"filters": [{"cesql": "TRUE"}]},
    ],
)
def test_a_filter_that_an_event_could_pass_is_not_told(spec: dict[str, Any]) -> None:
    assert why_never(parse_filters(spec)) is None
