from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knative.local.broker.filters import Filter, parse_filters
from knative.local.broker.index import TriggerIndex


@dataclass(frozen=True)
class Entry:
    number: int
    filter: Filter


values = st.sampled_from(["a", "b", "ab", "c"])
attributes = st.dictionaries(st.sampled_from(["type", "source", "subject"]), values, min_size=1)
dialects = st.builds(
    lambda name, wanted: {name: wanted}, st.sampled_from(["exact", "prefix", "suffix"]), attributes
)
trees = st.recursive(
    dialects,
    lambda inner: (
        st.builds(
            lambda name, parts: {name: parts},
            st.sampled_from(["all", "any"]),
            st.lists(inner, min_size=1, max_size=3),
        )
        | inner.map(lambda part: {"not": part})
    ),
    max_leaves=5,
)
specs = st.one_of(
    st.just({}),
    attributes.map(lambda wanted: {"filter": {"attributes": wanted}}),
    st.lists(trees, min_size=1, max_size=2).map(lambda parts: {"filters": parts}),
)


@given(st.lists(specs, max_size=8), st.lists(attributes, min_size=1, max_size=5))
@settings(max_examples=150, deadline=None)
def test_the_index_finds_each_matching_trigger_once(
    given_specs: list[dict], events: list[dict[str, str]]
) -> None:
    entries = [Entry(number, parse_filters(spec)) for number, spec in enumerate(given_specs)]
    index = TriggerIndex(entries)

    for event in events:
        found = sorted(entry.number for entry in index.match(event))
        assert found == [entry.number for entry in entries if entry.filter.matches(event)]


def test_a_trigger_of_another_type_is_not_even_asked() -> None:
    class Never:
        def matches(self, event: object) -> bool:
            raise AssertionError("asked in vain")

        def required(self) -> tuple[str, frozenset[str]]:
            return "type", frozenset({"other"})

    assert TriggerIndex([Entry(1, Never())]).match({"type": "mine"}) == []


@pytest.mark.case("S6", "a filter that raises")
def test_a_filter_that_raises_keeps_no_event_from_the_others() -> None:
    class Broken:
        def matches(self, event: object) -> bool:
            raise RecursionError

        def required(self) -> None:
            return None

    broken, whole = Entry(1, Broken()), Entry(2, parse_filters({}))
    told: list[tuple[Entry, Exception]] = []
    index = TriggerIndex([broken, whole], lambda trigger, error: told.append((trigger, error)))

    assert index.match({"type": "mine"}) == [whole]
    assert [(trigger, type(error)) for trigger, error in told] == [(broken, RecursionError)]
