"""How a version's state is named."""

from __future__ import annotations

from functions.record_events.logic import state_of


def test_a_version_is_named_by_its_last_fact() -> None:
    assert state_of(["registered", "approved", "promoted"], champion=True) == "champion"
    assert state_of(["registered", "approved", "promoted"], champion=False) == "superseded"
    assert state_of(["registered", "rejected"], champion=False) == "rejected"
