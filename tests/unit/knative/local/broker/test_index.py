from __future__ import annotations

from dataclasses import dataclass

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
