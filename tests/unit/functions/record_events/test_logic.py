"""Trees of causes and effects hold every event once, whatever names what as its cause."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from functions.record_events.logic import nest, state_of


def flat(nodes: list[dict[str, Any]]) -> list[str]:
    return [id_ for node in nodes for id_ in (node["event"]["id"], *flat(node["effects"]))]


def event(number: int, cause: int) -> dict[str, Any]:
    return {"id": str(number), "causationid": str(cause)}


def test_effects_stand_under_their_cause_in_recorded_order() -> None:
    events = [event(0, 9), event(1, 0), event(2, 0), event(3, 1)]
    (tree,) = nest(events, ["0"])
    assert flat([tree]) == ["0", "1", "3", "2"]


@settings(deadline=None, max_examples=200)
@given(st.lists(st.integers(0, 12), max_size=12), st.lists(st.integers(0, 12), max_size=4))
def test_no_event_stands_twice_even_when_causes_run_in_circles(causes: list[int], roots: list[int]) -> None:
    events = [event(number, cause) for number, cause in enumerate(causes)]
    found = flat(nest(events, [str(root) for root in roots]))
    assert len(found) == len(set(found))
    assert {str(root) for root in roots if root < len(events)} <= set(found)


def test_a_version_is_named_by_its_last_fact() -> None:
    assert state_of(["registered", "approved", "promoted"], champion=True) == "champion"
    assert state_of(["registered", "approved", "promoted"], champion=False) == "superseded"
    assert state_of(["registered", "rejected"], champion=False) == "rejected"
