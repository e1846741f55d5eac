"""A retired model is trained only for a person, a changed model.yaml or a promotion."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from eventing import catalogue as kinds
from functions.govern_training.records import is_retired
from functions.state import versions
from functions.state.database import transaction

if TYPE_CHECKING:
    from conftest import Governor


def retire(world: Governor) -> None:
    """Play the part of roll_out_model: the fact first, then the event."""
    with transaction(world.sessions) as session:
        versions.record_fact(session, "churn", 1, versions.Fact.RETIRED, "asked", world.now)
    retired = {"model": "churn", "version": 1, "outcome": "retired", "message": ""}
    world.send(kinds.RolloutCompleted.type, retired)


def test_nothing_trains_a_retired_model_but_a_person(world: Governor) -> None:
    world.first_model()
    retire(world)
    world.drop(2, rows=5000)
    world.degraded(1)
    assert world.later(days=40) == []
    assert (world.rules()[-1], world.rules().count("retired")) == ("retired", 1)
    (approved,) = world.send(kinds.TrainingRequested.type, {"model": "churn", "requested_by": "ann"})
    assert (approved.type, approved.data["rule"]) == (kinds.TrainingApproved.type, "manual")


def test_what_waits_when_a_model_is_retired_is_forgotten(world: Governor) -> None:
    world.first_model()
    world.drop(2, rows=5000)
    retire(world)
    assert world.rules()[-1] == "retired"
    assert world.later(days=1) == []


def test_a_changed_model_yaml_or_a_promotion_ends_the_retirement_for_the_governor(world: Governor) -> None:
    with transaction(world.sessions) as session:
        versions.record_fact(session, "churn", 1, versions.Fact.RETIRED, "asked", world.now)
        known = world.handler.spec_of(session, "churn")
        assert known is not None
        assert is_retired(session, "churn", known)
        assert is_retired(session, "churn", None)
        assert is_retired(session, "churn", replace(known, since=world.now))
        assert not is_retired(session, "churn", replace(known, since=world.now + timedelta(seconds=1)))
        versions.record_fact(session, "churn", 2, versions.Fact.PROMOTED, "again", world.now)
        assert not is_retired(session, "churn", known)
