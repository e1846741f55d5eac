"""A model that was made elsewhere gets a number and a run, once, and leaves the rules of training alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eventing import catalogue as kinds
from eventing.event import Event, originate

if TYPE_CHECKING:
    from conftest import Governor

FILE = "a" * 64


def offered(file: str = FILE, **more: Any) -> dict[str, Any]:
    claim = {"uri": f"s3://models/churn/registered/{file}.onnx", "sha256": file}
    return {"model": "churn", "file": claim, "registered_by": "ann"} | more


def offer(world: Governor, file: str = FILE, **more: Any) -> Event:
    answer, *_ = world.send(kinds.ModelRegistered.type, offered(file, **more))
    return answer


def test_it_becomes_the_next_version_in_its_own_chain_with_what_was_said_of_it(world: Governor) -> None:
    world.first_model()
    approved = offer(world, classes=["no", "yes"], origin="churn.onnx")
    payload = kinds.TrainingApproved.model_validate(approved.data)
    assert (payload.version, payload.reason, payload.rule) == (2, "registered", "registered")
    assert payload.registered == kinds.OutsideModel(
        file=kinds.Claim(**offered()["file"]), classes=["no", "yes"], origin="churn.onnx"
    )
    assert payload.output == "s3://models/churn/v2/"


def test_the_same_event_twice_and_the_same_file_twice_are_one_version(world: Governor) -> None:
    world.drop(1)
    event = originate(kinds.ModelRegistered.type, "/me", "churn", offered(), id_="once", now=world.now)
    assert world.deliver(event) == world.deliver(event)
    under_way = offer(world)
    assert (under_way.type, under_way.data["rule"]) == (kinds.TrainingDeferred.type, "dedupe")
    assert "v1 is being made of it" in under_way.data["message"]
    (approved,) = [each for each in world.said if each.type == kinds.TrainingApproved.type]
    world.trained(approved)
    made = offer(world)
    assert "v1 was made of it" in made.data["message"]
    assert made.data["run_id"] == approved.data["run_id"]
    assert offer(world, force=True).data["version"] == 2


def test_a_file_whose_run_failed_may_be_offered_again(world: Governor) -> None:
    world.drop(1)
    approved = offer(world)
    failed = {name: approved.data[name] for name in ("model", "version", "run_id")}
    world.send(
        kinds.TrainingFailed.type, failed | {"step": "features", "error": "does not fit"}, cause=approved
    )
    assert offer(world).data["version"] == 2


def test_without_data_or_for_a_name_that_nobody_knows_it_is_refused_with_the_fix(world: Governor) -> None:
    refused = offer(world)
    assert (refused.type, refused.data["rule"], refused.data["refused"]) == (
        kinds.TrainingDeferred.type,
        "dataset",
        True,
    )
    assert "has no data yet" in refused.data["message"]
    (stranger,) = world.send(kinds.ModelRegistered.type, offered() | {"model": "chrun"})
    assert "chrun has no model.yaml yet" in stranger.data["message"]


def test_several_files_at_once_have_a_run_each_and_a_training_waits_for_them(world: Governor) -> None:
    world.drop(1)
    assert [offer(world, digit * 64).data["version"] for digit in "abc"] == [1, 2, 3]
    waits = world.later(minutes=2)
    assert [each.data["rule"] for each in waits if each.type == kinds.TrainingDeferred.type] == []
    assert [e.data["rule"] for e in world.said if e.type == kinds.TrainingDeferred.type][
        -1
    ] == "single-flight"


def test_it_does_not_count_as_a_training_for_cooldown_rows_budget_or_breaker(world: Governor) -> None:
    world.first_model()
    for digit in "abc":
        approved = offer(world, digit * 64)
        world.complete(approved, verdict="rejected")
    world.drop(2)
    (started,) = [e for e in world.later(hours=7) if e.type == kinds.TrainingApproved.type]
    assert (started.data["reason"], started.data["rule"]) == ("dataset", "enough-rows")


def test_a_silent_run_is_not_tried_again_by_itself(world: Governor) -> None:
    world.drop(1)
    offer(world)
    said = world.later(hours=10)
    failed = next(e for e in said if e.type == kinds.TrainingFailed.type)
    assert "register the model again" in failed.data["fix"]
    approved = [e for e in world.said if e.type == kinds.TrainingApproved.type]
    assert [e.data["reason"] for e in approved].count("registered") == 1
