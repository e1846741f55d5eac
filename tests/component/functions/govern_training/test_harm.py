"""What the governor makes of proven harm: whose it is, and what a version on probation holds up."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from eventing import catalogue as kinds
from eventing.event import Event
from functions.state import versions
from functions.state.database import transaction

if TYPE_CHECKING:
    from conftest import Governor


def note(world: Governor, version: int, fact: versions.Fact) -> None:
    with transaction(world.sessions) as session:
        versions.record_fact(session, "churn", version, fact, f"{fact}-{version}", world.now)


@pytest.fixture
def champion(world: Governor) -> Governor:
    """A world whose v1 is champion since a day."""
    world.first_model()
    note(world, 1, versions.Fact.PROMOTED)
    world.later(days=1)
    return world


def approvals(events: list[Event]) -> list[Event]:
    return [event for event in events if event.type == kinds.TrainingApproved.type]


def trained_for_harm(world: Governor) -> Event:
    """Let labels prove v1's harm, and v2 be trained for it; it has passed the gate."""
    world.degraded(1)
    world.drop(2, rows=625)
    (approved,) = approvals(world.later(minutes=2))
    world.trained(approved)
    world.send(kinds.ModelApproved.type, {"model": "churn", "version": 2, "approved_by": "gate"})
    return approved


def start(world: Governor, phase: str) -> None:
    started = {"model": "churn", "version": 2, "champion_version": 1, "phase": phase, "revision": "churn-v2"}
    world.send(kinds.RolloutStarted.type, started)
    if phase == "probation":
        note(world, 2, versions.Fact.PROBATION)


def test_a_run_says_whose_harm_it_answers(champion: Governor) -> None:
    approved = trained_for_harm(champion)
    assert (approved.data["reason"], approved.data["harmed_version"]) == ("performance", 1)
    assert [run.harmed_version for run in champion.runs()] == [None, 1]


def test_a_person_who_asks_while_an_alarm_waits_hides_no_harm(champion: Governor) -> None:
    champion.degraded(1)
    champion.drop(2, rows=1)
    (approved,) = champion.send(kinds.TrainingRequested.type, {"model": "churn"})
    assert (approved.data["reason"], approved.data["harmed_version"]) == ("manual", 1)


def test_a_run_for_other_reasons_answers_nobodys(champion: Governor) -> None:
    champion.drop(2)
    (approved,) = approvals(champion.later(minutes=2))
    assert approved.data.get("harmed_version") is None


def test_a_lost_run_is_tried_again_for_the_same_harm(champion: Governor) -> None:
    champion.degraded(1)
    champion.drop(2, rows=625)
    champion.later(minutes=2)
    again = approvals(champion.later(hours=5))[-1]
    assert (again.data["version"], again.data["reason"]) == (3, "performance")
    assert again.data["harmed_version"] == 1


@pytest.mark.parametrize(("phase", "serving"), [("probation", 2), ("shadow", 1)])
def test_harm_of_the_version_that_serves_need_not_wait_for_the_end_of_a_phase(
    champion: Governor, phase: str, serving: int
) -> None:
    trained_for_harm(champion)
    start(champion, phase)
    champion.later(hours=1, minutes=1)
    champion.degraded(serving)
    champion.drop(3, rows=625)
    champion.later(minutes=2)
    assert len(champion.runs()) == 3
    assert champion.runs()[-1].harmed_version == serving


def test_the_end_of_a_probation_keeps_the_alarm_about_its_version(champion: Governor) -> None:
    trained_for_harm(champion)
    start(champion, "probation")
    champion.degraded(2)
    note(champion, 2, versions.Fact.PROMOTED)
    end = {"model": "churn", "version": 2, "outcome": "promoted", "message": ""}
    champion.send(kinds.RolloutCompleted.type, end)
    champion.drop(3, rows=625)
    champion.clock[0] += timedelta(hours=1)
    assert approvals(champion.later(minutes=2))[0].data["harmed_version"] == 2


def test_a_version_taken_back_from_probation_takes_its_alarm_along(champion: Governor) -> None:
    trained_for_harm(champion)
    start(champion, "probation")
    champion.degraded(2)
    note(champion, 2, versions.Fact.ROLLED_BACK)
    outcome = {"outcome": "rolled_back", "message": "", "champion_version": 1}
    champion.send(kinds.RolloutCompleted.type, {"model": "churn", "version": 2, **outcome})
    champion.drop(3, rows=1)
    assert approvals(champion.later(hours=2)) == []
