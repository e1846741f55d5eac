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


def refuse(world: Governor, how: str) -> None:
    """Let v2, trained for harm, come to nothing."""
    if how == "asked":
        world.ask_a_person(2)
    elif how == "rejected":
        world.reject(2)
    else:
        phase = "probation" if how == "taken back" else "shadow"
        world.send(kinds.ModelApproved.type, {"model": "churn", "version": 2, "approved_by": "gate"})
        start(world, phase)
        outcome = "inconclusive" if how == "inconclusive" else "rolled_back"
        note(world, 2, versions.Fact(outcome))
        end = {"outcome": outcome, "message": "", "champion_version": 1}
        world.send(kinds.RolloutCompleted.type, {"model": "churn", "version": 2} | end)


def answered(world: Governor) -> None:
    """Let labels prove v1's harm, and v2 be trained for it."""
    world.degraded(1)
    world.drop(2, rows=625)
    (approved,) = approvals(world.later(minutes=2))
    world.trained(approved)


@pytest.mark.parametrize("how", ["asked", "rejected", "rolled back", "taken back", "inconclusive"])
def test_harm_stays_open_while_no_version_that_answers_it_is_let_through(
    champion: Governor, how: str
) -> None:
    answered(champion)
    refuse(champion, how)
    assert champion.rules()[-1] == "dedupe", "it waits for rows, and says so"
    champion.drop(3, rows=483)  # 199 more than v2 was trained from
    assert approvals(champion.later(hours=2)) == []
    said = champion.drop(4, rows=363)  # 202 more
    (approved,) = approvals(said + champion.later(minutes=2))
    assert (approved.data["version"], approved.data["rule"]) == (3, "harm")
    assert approved.data["harmed_version"] == 1


def test_the_next_training_follows_from_the_refusal(champion: Governor) -> None:
    answered(champion)
    (waits,) = champion.reject(2)
    champion.drop(3, rows=625)
    (approved,) = approvals(champion.later(hours=2))
    assert approved.extensions["causationid"] == waits.extensions["causationid"]


def test_harm_of_a_reign_that_is_over_stays_closed(champion: Governor) -> None:
    answered(champion)
    note(champion, 2, versions.Fact.PROMOTED)
    champion.later(seconds=1)
    note(champion, 1, versions.Fact.PROBATION)  # it was called back: it is better than v2 by now
    champion.send(kinds.RolloutCompleted.type, rolled_back(2))
    champion.drop(3, rows=625)
    assert approvals(champion.later(hours=2)) == []


def rolled_back(version: int) -> dict[str, object]:
    return {
        "model": "churn",
        "version": version,
        "outcome": "rolled_back",
        "message": "",
        "champion_version": 1,
    }


def test_two_refused_answers_open_the_breaker(champion: Governor) -> None:
    answered(champion)
    champion.reject(2)
    champion.drop(3, rows=625)
    (approved,) = approvals(champion.later(hours=2))
    champion.trained(approved)
    champion.reject(3)
    champion.drop(4, rows=625)
    champion.later(hours=2)
    assert champion.rules()[-1] == "breaker"


def superseded(events: list[Event]) -> list[tuple[int, int]]:
    return [
        (event.data["version"], event.data["superseded_by"])
        for event in events
        if event.type == kinds.ModelRejected.type
    ]


def waiting_pair(world: Governor) -> None:
    """Let v2 wait for a person, and v3, trained since, be before the gate."""
    answered(world)
    world.ask_a_person(2)
    world.drop(3, rows=625)
    (approved,) = approvals(world.later(hours=2))
    world.trained(approved)


@pytest.mark.parametrize("asked", [True, False])
def test_a_newer_answer_takes_the_place_of_one_that_waits_for_a_person(
    champion: Governor, asked: bool
) -> None:
    waiting_pair(champion)
    approval = {"model": "churn", "version": 3, "approved_by": "gate"}
    said = champion.ask_a_person(3) if asked else champion.send(kinds.ModelApproved.type, approval)
    assert superseded(said) == [(2, 3)]
    assert [run.verdict for run in champion.runs()][1:] == ["superseded", "asked" if asked else "approved"]


def test_one_that_waits_goes_on_waiting_while_the_newer_one_is_refused(champion: Governor) -> None:
    waiting_pair(champion)
    assert superseded(champion.reject(3)) == []
    assert champion.runs()[1].verdict == "asked"


def test_a_person_may_still_approve_what_was_superseded(champion: Governor) -> None:
    waiting_pair(champion)
    (refusal,) = [each for each in champion.ask_a_person(3) if each.type == kinds.ModelRejected.type]
    champion.deliver(refusal)  # the broker brings it back to the governor
    assert champion.runs()[1].verdict == "superseded"
    champion.send(kinds.ModelApproved.type, {"model": "churn", "version": 2, "approved_by": "ann"})
    assert champion.runs()[1].verdict == "approved"
