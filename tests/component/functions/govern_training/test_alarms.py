"""Age, harm and drift start a training, or wait for rows to learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from eventing import catalogue as kinds
from functions.state.database import transaction
from functions.state.labels import JoinedLabel

if TYPE_CHECKING:
    from conftest import Governor


def test_after_30_days_the_model_is_trained_with_the_few_rows_there_are(world: Governor) -> None:
    world.first_model()
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
    world.first_model()
    assert [event.data["rule"] for event in world.later(days=31)] == ["dedupe"]
    world.send(kinds.DatasetIngested.type, ingested_rows(2, total=1010))
    assert [event.data["rule"] for event in world.later(minutes=1)] == ["age"]


def test_a_harm_alarm_shortens_the_cooldown(world: Governor) -> None:
    world.first_model()
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
    world.first_model()
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
    world.first_model()
    world.send(kinds.PerformanceDegraded.type, alarm())
    promoted = {"model": "churn", "version": 2, "outcome": "promoted", "message": ""}
    world.send(kinds.RolloutCompleted.type, promoted)
    world.send(kinds.DatasetIngested.type, ingested_rows(2, total=1010))
    said = world.later(days=1)
    assert kinds.TrainingApproved.type not in [event.type for event in said]


def test_strong_drift_without_labels_waits_for_rows_as_a_precaution(world: Governor) -> None:
    world.first_model()
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
    world.first_model()
    (refused,) = world.send(kinds.DriftDetected.type, drift(strong=False))
    assert (refused.data["rule"], refused.data["refused"]) == ("harm-first", True)


def test_while_labels_come_drift_alone_starts_nothing_however_strong(world: Governor) -> None:
    world.first_model()
    with transaction(world.sessions) as session:
        label = JoinedLabel(model="churn", prediction_id="p", at=world.now, version=1, value="yes")
        label.label_id, label.received_at = "l", world.now
        session.add(label)
    (refused,) = world.send(kinds.DriftDetected.type, drift(strong=True))
    assert refused.data["rule"] == "harm-first"
