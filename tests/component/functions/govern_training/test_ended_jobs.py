"""A run whose Job ended without a word has failed at once, by what an ApiServerSource tells of the Job."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from eventing import catalogue as kinds
from eventing.event import Event
from functions.govern_training.app import ACCEPTS

if TYPE_CHECKING:
    from conftest import Governor

OOM = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "used up its tries"}


def job(name: str, *conditions: dict[str, Any], **notes: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "kascade", "annotations": notes}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "status": {"conditions": conditions},
    }


def named_by_knative(approved: Event) -> str:
    digest = hashlib.md5(f"{approved.source}{approved.id}".encode(), usedforsecurity=False).hexdigest()
    return f"run-training-{digest}"


def told(world: Governor, change: str, body: Any) -> list[Event]:
    """Deliver a change of an object, and what is said to it, as the Broker does."""
    world.count += 1
    event = Event(f"change-{world.count}", "https://10.0.0.1:443", change, time=world.now, data=body)
    assert change in ACCEPTS
    said = world.handler(event, event.data)  # as the app does, for a type without a payload of ours
    for each in said:
        world.deliver(each)
    return said


@pytest.mark.case("T2", "a job that fails for good")
@pytest.mark.parametrize("runtime", ["knative", "local"])
def test_a_run_whose_job_fails_for_good_has_failed_at_once_and_a_person_can_ask_again(
    world: Governor, runtime: str
) -> None:
    world.drop(1)
    (approved,) = world.later(minutes=1)
    here = runtime == "local"
    note = {"kascade.dev/event-id": approved.id} if here else {}
    body = job("run-training-0123" if here else named_by_knative(approved), OOM, **note)

    (failed,) = told(world, kinds.OBJECT_UPDATED, body)

    assert (failed.type, failed.subject, failed.data["step"]) == (
        kinds.TrainingFailed.type,
        "churn/v1",
        "job",
    )
    assert "BackoffLimitExceeded: used up its tries" in failed.data["error"]
    assert "kascade retrain churn" in failed.data["fix"]
    assert failed.correlation_id == approved.correlation_id
    assert [run.outcome for run in world.runs()] == ["failed"]
    assert told(world, kinds.OBJECT_UPDATED, body) == [], "it is said once"
    (again,) = world.send(kinds.TrainingRequested.type, {"model": "churn"})
    assert (again.type, again.data["version"]) == (kinds.TrainingApproved.type, 2)


@pytest.mark.case("T2", "a job that is deleted")
def test_a_run_whose_job_is_deleted_under_way_has_failed(world: Governor) -> None:
    world.drop(1)
    (approved,) = world.later(minutes=1)
    (failed,) = told(world, kinds.OBJECT_DELETED, job(named_by_knative(approved)))
    assert "was deleted before it had ended" in failed.data["error"]


@pytest.mark.parametrize(
    ("change", "conditions"),
    [
        (kinds.OBJECT_ADDED, []),
        (kinds.OBJECT_UPDATED, [{**OOM, "status": "False"}]),
        (kinds.OBJECT_UPDATED, [{"type": "FailureTarget", "status": "True"}]),
        (kinds.OBJECT_DELETED, [{"type": "Complete", "status": "True"}]),
    ],
)
def test_a_job_that_may_still_bring_a_model_or_has_is_passed_over(
    world: Governor, change: str, conditions: list[dict[str, Any]]
) -> None:
    world.drop(1)
    (approved,) = world.later(minutes=1)
    assert told(world, change, job(named_by_knative(approved), *conditions)) == []


@pytest.mark.parametrize("body", [None, "text", [], {}, {"kind": "Pod"}, job("run-training-other", OOM)])
def test_another_object_is_passed_over(world: Governor, body: Any) -> None:
    world.drop(1)
    world.later(minutes=1)
    assert told(world, kinds.OBJECT_UPDATED, body) == []


def test_both_failures_of_a_run_that_said_so_itself_and_of_its_job_are_one(world: Governor) -> None:
    world.drop(1)
    (approved,) = world.later(minutes=1)
    said = {name: approved.data[name] for name in ("model", "version", "run_id")}
    world.send(kinds.TrainingFailed.type, said | {"step": "check", "error": "one class"}, cause=approved)
    assert told(world, kinds.OBJECT_UPDATED, job(named_by_knative(approved), OOM)) == []
