"""A run starts, goes on, falls silent, fails or completes, and the model is free for the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from eventing import catalogue as kinds
from eventing.event import Event, answer
from functions.state.database import transaction
from functions.state.runs import TrainingRun

if TYPE_CHECKING:
    from conftest import Governor


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
    assert world.approvals() == [approved]  # nothing is retried by itself
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


def test_facts_of_runs_it_never_approved_are_passed_over(world: Governor) -> None:
    world.send(kinds.ModelApproved.type, {"model": "churn", "version": 9, "approved_by": "ann"})
    world.send(
        kinds.RolloutCompleted.type, {"model": "churn", "version": 9, "outcome": "promoted", "message": ""}
    )
    assert world.said == []
    assert world.runs() == []
