"""The governor through its whole life: triggers merge, runs start, end, get lost, and are counted."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from eventing import catalogue as kinds
from eventing.event import Event, answer, originate
from functions.govern_training.records import is_retired
from functions.state import ledger, versions
from functions.state.database import transaction
from functions.state.labels import JoinedLabel
from functions.state.runs import TrainingRun

if TYPE_CHECKING:
    from conftest import Governor


def approvals(world: Governor) -> list[Event]:
    return [event for event in world.said if event.type == kinds.TrainingApproved.type]


def rules(world: Governor) -> list[str]:
    return [event.data["rule"] for event in world.said if event.type == kinds.TrainingDeferred.type]


def first_model(world: Governor) -> Event:
    world.drop(1)
    (approved,) = world.later(minutes=1)
    world.complete(approved)
    return approved


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
    assert rules(world) == ["debounce"]


def test_the_same_answer_is_not_repeated_but_a_person_always_gets_one(world: Governor) -> None:
    first_model(world)
    for part in (2, 3):
        world.drop(part)
    assert rules(world) == ["debounce", "cooldown"]
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
    assert rules(world) == ["debounce", "single-flight"]
    world.complete(first)
    assert rules(world) == ["debounce", "single-flight", "single-flight", "single-flight", "cooldown"]
    (second,) = world.later(hours=6)
    assert second.data["version"] == 2
    assert second.data["dataset"]["sha256"] == f"{3:064x}"
    assert second.correlation_id == "e3"


def test_the_champion_is_named_with_its_candidate(world: Governor) -> None:
    first_model(world)
    claim = kinds.Claim(uri="s3://models/churn/v1/model.onnx", sha256="a" * 64)
    with transaction(world.sessions) as session:
        data = kinds.TrainingCompleted(
            model="churn",
            version=1,
            run_id="r",
            candidate=claim,
            card=claim,
            holdout=claim,
            reference=claim,
            metrics={},
            dataset_digest="0" * 64,
            config_digest="0" * 64,
            code_digest="0" * 64,
            train_rows=1,
            seconds=1,
        )
        versions.register(session, data, "e", world.now)
        versions.record_fact(session, "churn", 1, versions.Fact.PROMOTED, "e", world.now)
    world.drop(2)
    (approved,) = world.later(hours=7)
    payload = kinds.TrainingApproved.model_validate(approved.data)
    assert (payload.champion, payload.champion_version) == (claim, 1)


def test_two_refused_challengers_stop_automatic_runs_until_a_person_gets_one_through(world: Governor) -> None:
    for part in (1, 2):
        world.drop(part)
        (approved,) = world.later(minutes=1 if part == 1 else 360)
        world.complete(approved, verdict="rejected" if part == 1 else "rolled_back")
    world.drop(3)
    world.drop(4)
    world.later(days=3)
    assert rules(world)[-1] == "breaker"
    assert rules(world).count("breaker") == 1
    (approved,) = world.send(kinds.TrainingRequested.type, {"model": "churn"})
    world.complete(approved)
    world.drop(5)
    (approved,) = world.later(hours=7)
    assert approved.data["version"] == 4


def test_a_silent_run_is_lost_said_so_and_tried_once_more(world: Governor) -> None:
    world.drop(1)
    (first,) = world.later(minutes=1)
    failed, second = world.later(hours=4.5)
    assert (failed.type, failed.data["step"], failed.data["version"]) == (
        kinds.TrainingFailed.type,
        "lease",
        1,
    )
    assert (second.type, second.data["version"]) == (kinds.TrainingApproved.type, 2)
    assert second.data["dataset"] == first.data["dataset"]
    assert second.correlation_id == first.correlation_id == "e1"
    world.deliver(failed)  # our own announcement comes back through the broker
    (failed,) = world.later(days=2)
    assert "training.requested" in failed.data["fix"]
    assert [run.outcome for run in world.runs()] == ["lost", "lost"]
    (third,) = world.send(kinds.TrainingRequested.type, {"model": "churn"})
    assert third.data["version"] == 3


def test_a_started_run_has_its_lease_from_its_start(world: Governor) -> None:
    world.drop(1)
    (approved,) = world.later(minutes=1)
    world.later(hours=4)
    said = {name: approved.data[name] for name in ("model", "version", "run_id")} | {"launcher": "jobsink"}
    world.send(kinds.TrainingStarted.type, said, cause=approved)
    assert world.later(hours=4) == []
    assert world.later(hours=1)[0].type == kinds.TrainingFailed.type


def test_a_failed_run_frees_the_model_and_new_data_is_tried_soon(world: Governor) -> None:
    world.drop(1)
    (approved,) = world.later(minutes=1)
    said = {name: approved.data[name] for name in ("model", "version", "run_id")}
    world.clock[0] += timedelta(minutes=1)
    world.send(kinds.TrainingFailed.type, said | {"step": "check", "error": "one class"}, cause=approved)
    assert approvals(world) == [approved]  # nothing is retried by itself
    world.drop(2)
    (again,) = world.later(minutes=3)
    assert again.data["version"] == 2


def progressed(world: Governor, approved: Event, *, step: str = "experiment", number: int = 4) -> None:
    told = {"attempt": "first", "step": step, "number": number, "steps": 8, "seconds": 1.0}
    data = {name: approved.data[name] for name in ("model", "version", "run_id")} | told
    event = answer(approved, kinds.TrainingProgressed.type, "/test", "churn/v1", data, now=world.now)
    world.deliver(replace(event, id=f"{step}-{world.now.isoformat()}"))


@pytest.mark.case("T2", "a run that is killed is noticed within a quarter of an hour")
def test_a_run_that_told_how_far_it_is_and_falls_silent_is_lost_soon(world: Governor) -> None:
    world.drop(1)
    (approved,) = world.later(minutes=1)
    world.later(hours=2)
    progressed(world, approved)
    world.later(minutes=10)
    progressed(world, approved, number=5, step="select")
    assert world.later(minutes=14) == []
    failed, again = world.later(minutes=2)
    assert (failed.type, failed.data["step"]) == (kinds.TrainingFailed.type, "lease")
    assert again.type == kinds.TrainingApproved.type
    progressed(world, approved)
    assert world.runs()[0].outcome == "lost", "what comes late does not bring it back"


@pytest.mark.case("T2", "a job that dies before it has said a word")
def test_a_run_that_does_not_begin_is_lost_soon_unless_others_are_before_it(
    world_of: Callable[..., Governor],
) -> None:
    world = world_of(run_start=timedelta(minutes=15))
    world.drop(1)
    (approved,) = world.later(minutes=1)
    other = {**approved.data, "model": "wine", "run_id": "wine-v1"}
    with transaction(world.sessions) as session:
        columns = {
            column.name: getattr(world.runs()[0], column.name) for column in TrainingRun.__table__.columns
        }
        before = {
            "approved_at": world.now - timedelta(minutes=9),
            "lease_until": world.now + timedelta(hours=9),
        }
        session.add(TrainingRun(**columns | {name: other[name] for name in ("model", "run_id")} | before))
    assert world.later(hours=1) == [], "it is queued behind wine's"
    with transaction(world.sessions) as session:
        session.delete(session.get(TrainingRun, ("wine", 1)))
    failed, again = world.later(minutes=16)
    assert (failed.type, failed.data["version"]) == (kinds.TrainingFailed.type, 1)
    assert (again.type, again.data["version"]) == (kinds.TrainingApproved.type, 2)


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


def test_a_lost_run_that_speaks_after_all_counts_as_completed(world: Governor) -> None:
    world.drop(1)
    (first,) = world.later(minutes=1)
    world.later(hours=4.6)
    world.send(kinds.TrainingCompleted.type, completed_of(first), cause=first)
    assert [run.outcome for run in world.runs()] == ["completed", None]


@pytest.mark.case("S3", "the end of a run, told by another")
@pytest.mark.parametrize("type_", [kinds.TrainingCompleted.type, kinds.TrainingFailed.type])
def test_who_does_not_know_a_run_cannot_end_it(world: Governor, type_: str) -> None:
    world.drop(1)
    (approved,) = world.later(minutes=1)
    told = {**completed_of(approved), "step": "check", "error": "forged"}
    assert world.send(type_, {**told, "run_id": "guessed"}) == []
    assert [run.outcome for run in world.runs()] == [None]
    world.send(type_, told, cause=approved)
    assert [run.outcome for run in world.runs()] != [None]


def completed_of(approved: Event) -> dict[str, Any]:
    claim = {"uri": "s3://models/x", "sha256": "0" * 64}
    return {
        **{name: approved.data[name] for name in ("model", "version", "run_id")},
        **dict.fromkeys(("candidate", "card", "holdout", "reference"), claim),
        **dict.fromkeys(("dataset_digest", "config_digest", "code_digest"), "0" * 64),
        "metrics": {},
        "train_rows": 5,
        "seconds": 1.0,
    }


def test_after_30_days_the_model_is_trained_with_the_few_rows_there_are(world: Governor) -> None:
    first_model(world)
    world.send(kinds.DatasetIngested.type, ingested_rows(2, total=1010))
    said = world.later(days=30)
    assert [event.data["rule"] for event in said] == ["enough-rows", "age"]
    assert said[-1].type == kinds.TrainingApproved.type


def ingested_rows(part: int, total: int) -> dict[str, Any]:
    claim = {"uri": "s3://datasets/x", "sha256": "0" * 64}
    return {
        "model": "churn",
        "part": claim,
        "profile": claim,
        "spec": claim,
        "data_schema": claim,
        "dataset": {"uri": "s3://d/k", "sha256": f"{part:064x}"},
        "rows": 10,
        "total_rows": total,
        "parts": part,
        "key": "k",
    }


def test_age_without_new_data_is_refused_and_any_new_row_then_suffices(world: Governor) -> None:
    first_model(world)
    assert [event.data["rule"] for event in world.later(days=31)] == ["dedupe"]
    world.send(kinds.DatasetIngested.type, ingested_rows(2, total=1010))
    assert [event.data["rule"] for event in world.later(minutes=1)] == ["age"]


def test_a_harm_alarm_shortens_the_cooldown(world: Governor) -> None:
    first_model(world)
    world.send(kinds.DatasetIngested.type, ingested_rows(2, total=1210))
    alarm = {
        "model": "churn",
        "version": 1,
        "statistic": 6000,
        "mean_loss": 0.4,
        "threshold": 5000,
        "baseline": 0.1,
        "labels": 30,
    }
    (deferred,) = world.send(kinds.PerformanceDegraded.type, alarm)
    assert (deferred.data["rule"], deferred.data["until"]) == ("cooldown", "2026-03-01T13:02:00Z")
    world.send(kinds.DriftDetected.type, drift(strong=True))
    (approved,) = world.later(hours=1)
    assert (approved.data["reason"], approved.data["rule"]) == ("performance", "harm")
    assert approved.extensions["causationid"] == deferred.extensions["causationid"], "drift came later"


def alarm(labels: int = 300) -> dict[str, object]:
    return {
        "model": "churn",
        "version": 1,
        "statistic": 6000,
        "threshold": 5000,
        "baseline": 0.1,
        "mean_loss": 0.4,
        "labels": labels,
    }


def drift(*, strong: bool) -> dict[str, object]:
    return {
        "model": "churn",
        "version": 1,
        "of": "inferences",
        "window": 1,
        "status": "drifted",
        "detector": "tabular",
        "rows": 500,
        "reference_rows": 1000,
        "alpha": 0.05,
        "alpha_spent": 0.03,
        "min_effect": 0.1,
        "correction": "holm",
        "guarantee": "budget",
        "tests": 1,
        "features": [],
        "strong": strong,
    }


@pytest.mark.parametrize("alarm_first", [True, False])
def test_an_alarm_and_the_rows_it_needs_start_one_run_in_either_order(
    world: Governor, alarm_first: bool
) -> None:
    first_model(world)
    world.later(days=1)
    if alarm_first:
        (waits,) = world.send(kinds.PerformanceDegraded.type, alarm())
        assert (waits.data["rule"], waits.data["refused"]) == ("dedupe", False)
        world.later(days=1)
        said = world.send(kinds.DatasetIngested.type, ingested_rows(2, total=1250))
    else:
        world.send(kinds.DatasetIngested.type, ingested_rows(2, total=1250))
        said = world.send(kinds.PerformanceDegraded.type, alarm())
    said += world.later(minutes=2)
    (approved,) = [event for event in said if event.type == kinds.TrainingApproved.type]
    assert approved.data["reason"] == "performance"


def test_a_new_champion_drops_what_was_said_of_the_one_before(world: Governor) -> None:
    first_model(world)
    world.send(kinds.PerformanceDegraded.type, alarm())
    promoted = {"model": "churn", "version": 2, "outcome": "promoted", "message": ""}
    world.send(kinds.RolloutCompleted.type, promoted)
    world.send(kinds.DatasetIngested.type, ingested_rows(2, total=1010))
    said = world.later(days=1)
    assert kinds.TrainingApproved.type not in [event.type for event in said]


def test_strong_drift_without_labels_waits_for_rows_as_a_precaution(world: Governor) -> None:
    first_model(world)
    world.later(days=1)
    (waits,) = world.send(kinds.DriftDetected.type, drift(strong=True))
    assert (waits.data["rule"], waits.data["reason"], waits.data["refused"]) == (
        "dedupe",
        "precautionary",
        False,
    )
    world.send(kinds.DatasetIngested.type, ingested_rows(2, total=2000))
    (approved,) = world.later(minutes=2)
    assert approved.data["reason"] == "precautionary"


def test_drift_that_is_not_strong_opens_a_report_only(world: Governor) -> None:
    first_model(world)
    (refused,) = world.send(kinds.DriftDetected.type, drift(strong=False))
    assert (refused.data["rule"], refused.data["refused"]) == ("harm-first", True)


def test_while_labels_come_drift_alone_starts_nothing_however_strong(world: Governor) -> None:
    first_model(world)
    with transaction(world.sessions) as session:
        label = JoinedLabel(model="churn", prediction_id="p", at=world.now, version=1, value="yes")
        label.label_id, label.received_at = "l", world.now
        session.add(label)
    (refused,) = world.send(kinds.DriftDetected.type, drift(strong=True))
    assert refused.data["rule"] == "harm-first"


def test_a_training_that_causes_its_own_trigger_is_stopped_by_the_ledger(world: Governor) -> None:
    approved = first_model(world)
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


def test_facts_of_runs_it_never_approved_are_passed_over(world: Governor) -> None:
    world.send(kinds.ModelApproved.type, {"model": "churn", "version": 9, "approved_by": "ann"})
    world.send(
        kinds.RolloutCompleted.type, {"model": "churn", "version": 9, "outcome": "promoted", "message": ""}
    )
    assert world.said == []
    assert world.runs() == []


def test_the_same_log_gives_the_same_events_in_another_database(world_of: Callable[..., Governor]) -> None:
    def live(world: Governor) -> list[Event]:
        first_model(world)
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


def retire(world: Governor) -> None:
    """Play the part of roll_out_model: the fact first, then the event."""
    with transaction(world.sessions) as session:
        versions.record_fact(session, "churn", 1, versions.Fact.RETIRED, "asked", world.now)
    retired = {"model": "churn", "version": 1, "outcome": "retired", "message": ""}
    world.send(kinds.RolloutCompleted.type, retired)


def test_nothing_trains_a_retired_model_but_a_person(world: Governor) -> None:
    first_model(world)
    retire(world)
    world.drop(2, rows=5000)
    world.degraded(1)
    assert world.later(days=40) == []
    assert (rules(world)[-1], rules(world).count("retired")) == ("retired", 1)
    (approved,) = world.send(kinds.TrainingRequested.type, {"model": "churn", "requested_by": "ann"})
    assert (approved.type, approved.data["rule"]) == (kinds.TrainingApproved.type, "manual")


def test_what_waits_when_a_model_is_retired_is_forgotten(world: Governor) -> None:
    first_model(world)
    world.drop(2, rows=5000)
    retire(world)
    assert rules(world)[-1] == "retired"
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
