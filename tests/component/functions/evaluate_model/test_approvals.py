"""A person approves or rejects a version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from eventing import catalogue as kinds
from eventing.testing import HandlingFailed, build_event, handle
from functions.state import rollouts
from functions.state.database import transaction

if TYPE_CHECKING:
    from conftest import Gate


GOOD = {"x1": 2.0, "lu": -4.0}


BLIND = {"x1": 2.0, "lu": 0.0}


def champion(gate: Gate, weights: dict[str, float] = BLIND, **how: Any) -> None:
    gate.ask(gate.candidate(1, weights, **how))
    gate.promote(1)


def test_manual_approval_asks_and_records_what_the_person_says(gate: Gate) -> None:
    gate.register_spec("gate: {approval: manual}")
    answer = gate.ask(gate.candidate(1, GOOD))
    assert answer.type == kinds.ModelApprovalRequested.type
    assert gate.facts(1) == ["registered"]
    said = build_event(
        kinds.ModelApproved.type, {"model": "churn", "version": 1, "approved_by": "ann"}, id_="ann"
    )
    for _ in range(2):
        assert handle(gate.app, said) is None
    assert gate.facts(1) == ["registered", "approved"]


def test_a_version_whose_place_a_newer_one_takes_is_superseded_and_can_be_approved_still(gate: Gate) -> None:
    gate.register_spec("gate: {approval: manual}")
    gate.ask(gate.candidate(1, GOOD))
    about = {"model": "churn", "version": 1}
    refused = about | {"rejected_by": "governor", "superseded_by": 2}
    handle(gate.app, build_event(kinds.ModelRejected.type, refused, id_="governor"))
    handle(gate.app, build_event(kinds.ModelApproved.type, about | {"approved_by": "ann"}, id_="ann"))
    assert gate.facts(1) == ["registered", "superseded", "approved"]


def test_its_own_verdict_coming_back_adds_no_fact(gate: Gate) -> None:
    gate.register_spec()
    assert handle(gate.app, gate.ask(gate.candidate(1, GOOD))) is None
    assert gate.facts(1) == ["registered", "approved"]


def test_a_decision_on_a_version_that_does_not_exist_is_refused_for_good(gate: Gate) -> None:
    said = build_event(kinds.ModelApproved.type, {"model": "churn", "version": 9, "approved_by": "ann"})
    with pytest.raises(HandlingFailed, match="churn has no version 9") as caught:
        handle(gate.app, said)
    assert caught.value.status == 422


@pytest.mark.case("I", "reject of the serving champion, of one that is rolled out, of one that waits")
@pytest.mark.parametrize(
    ("place", "reason"),
    [("champion", "v1 serves"), ("rollout", "v1 is being rolled out"), ("queue", "waits for its rollout")],
)
def test_what_would_go_on_serving_is_not_rejected_by_a_person(gate: Gate, place: str, reason: str) -> None:
    gate.register_spec()
    gate.ask(gate.candidate(1, GOOD))
    if place == "champion":
        gate.promote(1)
    else:
        with transaction(gate.sessions) as session:
            row = rollouts.lock_rollout(session, "churn")
            row.version, row.queued_version = (1, None) if place == "rollout" else (2, 1)
    said = build_event(kinds.ModelRejected.type, {"model": "churn", "version": 1, "rejected_by": "ann"})
    with pytest.raises(HandlingFailed, match=reason) as caught:
        handle(gate.app, said)
    assert (caught.value.status, "kascade rollback churn" in str(caught.value)) == (422, True)
    assert "rejected" not in gate.facts(1)
