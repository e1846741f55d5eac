"""The governor starts runs: triggers merge, answers are given once, and the rules hold."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from support.completions import completed_training

from eventing import catalogue as kinds
from eventing.event import Event, answer, originate
from functions.state import ledger, versions
from functions.state.database import transaction

if TYPE_CHECKING:
    from conftest import Governor


def test_a_drop_waits_for_quiet_and_then_trains_once_in_its_own_chain(world: Governor) -> None:
    (deferred,) = world.drop(1)
    assert deferred.type == kinds.TrainingDeferred.type
    assert deferred.subject == "churn"
    assert deferred.data["rule"] == "debounce"
    assert deferred.data["until"] == "2026-03-01T12:01:00Z"
    (approved,) = world.later(minutes=1)
    assert approved.type == kinds.TrainingApproved.type
    assert approved.subject == "churn/v1"
    assert approved.correlation_id == "e1"
    assert approved.extensions["causationid"] == "e1"
    payload = kinds.TrainingApproved.model_validate(approved.data)
    assert payload.dataset.sha256 == f"{1:064x}"
    assert payload.output == "s3://models/churn/v1/"
    assert (payload.version, payload.reason, payload.rule) == (1, "dataset", "enough-rows")
    assert payload.champion is None
    assert payload.run_id.startswith("churn-v1-")


def test_fifty_files_give_one_training_on_the_newest_dataset(world: Governor) -> None:
    order = [*range(1, 49), 50, 49]  # the last two events overtake each other
    for part in order:
        world.drop(part)
        world.clock[0] += timedelta(seconds=1)
    (approved,) = world.later(minutes=2)
    assert approved.data["dataset"]["sha256"] == f"{50:064x}"
    assert world.rules() == ["debounce"]


def test_the_same_answer_is_not_repeated_but_a_person_always_gets_one(world: Governor) -> None:
    world.first_model()
    for part in (2, 3):
        world.drop(part)
    assert world.rules() == ["debounce", "cooldown"]
    same = {"model": "churn"}
    world.drop(4)
    (approved,) = world.send(kinds.TrainingRequested.type, same)
    assert approved.data["reason"] == "manual"
    for _ in range(2):
        (refused,) = world.send(kinds.TrainingRequested.type, same)
        assert (refused.data["rule"], refused.data["refused"]) == ("dedupe", True)
        assert refused.data["run_id"] == approved.data["run_id"]


def test_a_request_for_an_unknown_model_is_refused_and_leaves_nothing(world: Governor) -> None:
    (refused,) = world.send(kinds.TrainingRequested.type, {"model": "chrun"})
    assert (refused.data["rule"], refused.data["refused"]) == ("dataset", True)
    assert "drop a file" in refused.data["message"]


def test_a_request_that_overtakes_its_data_starts_with_them(world: Governor) -> None:
    (waits,) = world.send(kinds.TrainingRequested.type, {"model": "churn"})
    assert (waits.data["rule"], waits.data["refused"]) == ("dataset", False)
    (approved,) = world.drop(1, rows=10)
    assert (approved.type, approved.data["reason"]) == (kinds.TrainingApproved.type, "manual")


def test_few_rows_wait_and_each_drop_says_how_many_are_missing(world: Governor) -> None:
    world.drop(1, rows=200)
    world.later(minutes=1)
    world.drop(2, rows=200)
    world.later(minutes=1)
    messages = [event.data["message"] for event in world.said if event.data["rule"] == "enough-rows"]
    assert [message.split()[0] for message in messages] == ["300", "100"]
    world.drop(3, rows=200)
    assert [event.type for event in world.later(minutes=1)] == [kinds.TrainingApproved.type]


def test_what_comes_during_a_run_waits_for_rollout_and_cooldown(world: Governor) -> None:
    world.drop(1)
    (first,) = world.later(minutes=1)
    world.drop(2)
    world.drop(3)
    assert world.rules() == ["debounce", "single-flight"]
    world.complete(first)
    assert world.rules() == ["debounce", "single-flight", "single-flight", "single-flight", "cooldown"]
    (second,) = world.later(hours=6)
    assert second.data["version"] == 2
    assert second.data["dataset"]["sha256"] == f"{3:064x}"
    assert second.correlation_id == "e3"


def test_the_champion_is_named_with_its_candidate(world: Governor) -> None:
    world.first_model()
    with transaction(world.sessions) as session:
        data = completed_training()
        versions.register(session, data, "e", world.now)
        versions.record_fact(session, "churn", 1, versions.Fact.PROMOTED, "e", world.now)
    world.drop(2)
    (approved,) = world.later(hours=7)
    payload = kinds.TrainingApproved.model_validate(approved.data)
    assert (payload.champion, payload.champion_version) == (data.candidate, 1)


def test_two_refused_challengers_stop_automatic_runs_until_a_person_gets_one_through(world: Governor) -> None:
    for part in (1, 2):
        world.drop(part)
        (approved,) = world.later(minutes=1 if part == 1 else 360)
        world.complete(approved, verdict="rejected" if part == 1 else "rolled_back")
    world.drop(3)
    world.drop(4)
    world.later(days=3)
    assert world.rules()[-1] == "breaker"
    assert world.rules().count("breaker") == 1
    (approved,) = world.send(kinds.TrainingRequested.type, {"model": "churn"})
    world.complete(approved)
    world.drop(5)
    (approved,) = world.later(hours=7)
    assert approved.data["version"] == 4


@pytest.mark.case("T2", "a person can override")
def test_a_person_may_force_a_run_while_one_is_under_way(world: Governor) -> None:
    world.drop(1)
    (approved,) = world.later(minutes=1)
    (refused,) = world.send(kinds.TrainingRequested.type, {"model": "churn"})
    assert (refused.data["rule"], refused.data["refused"]) == ("dedupe", True)
    (second,) = world.send(kinds.TrainingRequested.type, {"model": "churn", "force": True})
    assert (second.type, second.data["version"]) == (kinds.TrainingApproved.type, 2)
    world.trained(approved)
    world.trained(second)
    assert [run.outcome for run in world.runs()] == ["completed", "completed"]


def test_a_training_that_causes_its_own_trigger_is_stopped_by_the_ledger(world: Governor) -> None:
    approved = world.first_model()
    middle = answer(approved, "com.example.features.exported", "/x", "churn", {})
    with transaction(world.sessions) as session:
        for event in (approved, middle):
            ledger.append(session, event, world.now)
    world.clock[0] += timedelta(days=1)
    (refused,) = world.drop(2, cause=middle)
    assert (refused.data["rule"], refused.data["refused"]) == ("loop-guard", True)
    world.drop(3)  # a file dropped by itself starts a new chain
    assert [event.type for event in world.later(minutes=2)] == [kinds.TrainingApproved.type]


def test_a_chain_longer_than_16_events_is_stopped(world: Governor) -> None:
    event = originate("com.example.step", "/x", "s", {}, id_="step0")
    with transaction(world.sessions) as session:
        for _ in range(20):
            ledger.append(session, event, world.now)
            event = answer(event, "com.example.step", "/x", "s", {})
        ledger.append(session, event, world.now)
    (refused,) = world.drop(1, cause=event)
    assert refused.data["rule"] == "loop-guard"
    assert "longer than 16" in refused.data["message"]


def test_a_redelivered_event_gives_the_same_answer_and_changes_nothing(world: Governor) -> None:
    event = originate(
        kinds.TrainingRequested.type, "/cli", "churn", {"model": "churn"}, id_="ask", now=world.now
    )
    world.drop(1)
    first = world.deliver(event)
    assert [answer.type for answer in first] == [kinds.TrainingApproved.type]
    world.clock[0] += timedelta(hours=1)
    assert world.deliver(event) == first
    assert len(world.runs()) == 1


def test_the_same_log_gives_the_same_events_in_another_database(world_of: Callable[..., Governor]) -> None:
    def live(world: Governor) -> list[Event]:
        world.first_model()
        world.drop(2)
        world.later(hours=7)
        world.send(kinds.TrainingRequested.type, {"model": "churn"})
        world.later(days=40)
        return world.said

    assert live(world_of()) == live(world_of())


@pytest.mark.parametrize("processes", [4])
def test_fifty_drops_at_once_in_several_processes_start_exactly_one_run(
    open_world: Callable[..., Governor], database: str, processes: int
) -> None:
    context = multiprocessing.get_context("fork")
    barrier, answers = context.Barrier(processes), context.Queue()

    def deliver(numbers: range) -> None:
        world = open_world(database, "retrain: {debounce: 0s}")
        barrier.wait(60)
        for number in numbers:
            answers.put([event.type for event in world.drop(number, id_=f"drop{number}")])
        world.sessions.kw["bind"].dispose()

    started = [context.Process(target=deliver, args=(range(1 + n, 51, processes),)) for n in range(processes)]
    for process in started:
        process.start()
    said = [type_ for _ in range(50) for type_ in answers.get(timeout=60)]
    for process in started:
        process.join(60)
    assert [process.exitcode for process in started] == [0] * processes
    assert said.count(kinds.TrainingApproved.type) == 1
