"""Each kind of decision is made again from the inputs in its event; what cannot be, says why."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from eventing import catalogue as kinds
from eventing.catalogue import Claim, DecisionInputs
from eventing.event import Event
from functions.detect_drift.detection import Test
from functions.detect_drift.logic import Inputs as DriftInputs
from functions.evaluate_model.logic import Champion, Measurement, Slice
from functions.evaluate_model.logic import Inputs as GateInputs
from functions.govern_training.facts import Digests, Request, Run
from functions.govern_training.facts import Inputs as GovernorInputs
from kascade.replay.comparison import Compared
from kascade.replay.recording import Recorded
from kascade.replay.replaying import replay
from pipelines.spec import Drift, Gate, ModelSpec, Retrain

from .conftest import MINUTE, NOON, again, get, spec

CLAIM = Claim(uri="s3://models/churn/v2/model.onnx", sha256="0" * 64)
NEW = Digests("d" * 64, "c" * 64, "f" * 64)


def asked(inputs: GovernorInputs | None, tried: ModelSpec | None = None, **fields: Any) -> Compared:
    decided_from = DecisionInputs.of(Retrain(), inputs) if inputs else None
    payload = kinds.TrainingDeferred(
        model="churn", reason=kinds.TrainingReason.DATASET, decided_from=decided_from, **fields
    )
    return again(kinds.TrainingDeferred.type, "govern_training", payload, tried)


def waiting() -> GovernorInputs:
    """A run that ended an hour ago still cools down."""
    old = replace(NEW, dataset="0" * 64)
    ended = NOON - timedelta(hours=1)
    run = Run("churn-v1", 1, True, old, 900, ended - MINUTE, ended, 800, ended - MINUTE, ended, "completed")
    since = NOON - 2 * MINUTE
    request = Request(frozenset({kinds.TrainingReason.DATASET}), 5_000, since, since, NEW)
    return GovernorInputs(request, NOON, (replace(run, rollout="promoted"),))


def test_the_governor_decides_the_same_from_the_same_and_otherwise_by_another_policy() -> None:
    until = NOON + timedelta(hours=5)
    message = "the last run ended too short a time ago (retrain.cooldown)"
    fields: dict[str, Any] = {"rule": "cooldown", "message": message, "until": until}
    same = asked(waiting(), **fields)
    assert (same.recorded, same.differs, same.decidable) == ("waits (cooldown, dataset)", False, True)
    longer = asked(waiting(), spec(retrain="{cooldown: 8h}"), **fields)
    assert longer.replayed == "waits (cooldown, dataset) until 2026-03-01T19:00:00+00:00"
    assert asked(waiting(), spec(retrain="{cooldown: 30m}"), **fields).replayed == (
        "approved (enough-rows, dataset)"
    )
    off = asked(waiting(), spec(retrain="{on: []}"), **fields)
    assert (off.differs, off.replayed, off.rule) == (True, "refused (enabled, dataset)", "enabled")


def test_an_event_of_before_without_inputs_cannot_be_replayed() -> None:
    found = asked(None, rule="cooldown", message="m")
    assert (found.decidable, found.differs, found.recorded) == (False, False, "waits (cooldown, dataset)")
    assert "recorded without its inputs" in found.why
    assert found.as_json()["replayed"] is None


def test_inputs_of_another_form_or_in_a_file_that_is_gone_cannot_be_replayed() -> None:
    decided_from = DecisionInputs.of(Retrain(), waiting())
    newer = decided_from.model_copy(update={"form": 2})
    gone = DecisionInputs.of(Retrain(), waiting()).model_copy(update={"claim": CLAIM})
    for inputs, why in ((newer, "recorded in form 2, this release reads form 1"), (gone, "cannot be read")):
        payload = kinds.TrainingDeferred(
            model="churn",
            reason=kinds.TrainingReason.DATASET,
            rule="r",
            message="m",
            decided_from=inputs,
        )
        found = again(kinds.TrainingDeferred.type, "govern_training", payload)
        assert not found.decidable
        assert why in found.why


def test_the_governors_largest_inputs_fit_into_an_event() -> None:
    run = waiting().runs[0]
    whole = replace(run, run_id=f"{'m' * 40}-v1000000-12345678", verdict="approved", hold_until=NOON)
    inputs = replace(waiting(), runs=(replace(whole, approved_at=NOON + timedelta(microseconds=1)),) * 60)
    decided_from = DecisionInputs.of(Retrain(), inputs)
    assert len(decided_from.model_dump_json()) < 60_000
    assert decided_from.inputs_as(GovernorInputs, get) == inputs


PART = Slice("country", "DE", Measurement(0.8, 90, 0.8, 0.8, -0.001, 0.02))
WHOLE = Measurement(0.91, 800, 0.9, 0.89, -0.005, 0.03)
MEASURED = GateInputs(None, "roc_auc", WHOLE, Champion(1), (PART,), {"country": 0})
IN_FORCE = Gate(min=0.75, slices=("country",))


def judged(policy: str | None, inputs: GateInputs = MEASURED) -> Compared:
    payload = kinds.ModelApproved(
        model="churn",
        version=2,
        approved_by="offline gate",
        verdict=kinds.GateVerdict(
            model="churn",
            version=2,
            candidate=CLAIM,
            metric="roc_auc",
            value=0.9,
            rows=800,
            rule="passed",
            message="m",
        ),
        decided_from=DecisionInputs.of(IN_FORCE, inputs),
    )
    tried = None if policy is None else spec(gate=policy)
    return again(kinds.ModelApproved.type, "evaluate_model", payload, tried)


def test_the_gate_decides_anew_by_its_margin_minimum_and_who_has_the_last_word() -> None:
    assert not judged(None).differs
    assert judged("{min: 0.75, margin: 0.001}").replayed == "rejected (margin)"
    assert judged("{min: 0.905}").replayed == "approved (passed)"  # 0.91 on the whole holdout
    assert judged("{min: 0.95}").replayed == "rejected (min)"
    assert judged("{min: 0.75, better_than_champion_by: 0.05}").replayed == "rejected (margin)"
    assert judged("{min: 0.75, approval: manual}").replayed == "a person is asked (approval)"


def test_slices_are_decided_by_their_own_numbers_and_unmeasured_ones_cannot_be() -> None:
    assert judged("{min: 0.75, slices: [country]}").replayed == "approved (passed)"
    assert judged("{min: 0.85, slices: [country]}").replayed == "rejected (slices)"
    assert judged("{min: 0.75, margin: 0.0005, better_than_champion_by: 0}").rule == "margin"
    found = judged("{min: 0.75, slices: [age]}")
    assert (found.decidable, found.why) == (False, "no slice of age was measured")
    assert judged("{min: 0.95, slices: [age]}").replayed == "rejected (min)"


def test_a_candidate_that_could_not_be_scored_is_rejected_again() -> None:
    inputs = GateInputs(problem="the model file is gone")
    payload = kinds.ModelRejected(
        model="churn",
        version=2,
        rejected_by="offline gate",
        message="integrity: the model file is gone",
        decided_from=DecisionInputs.of(Gate(), inputs),
    )
    found = again(kinds.ModelRejected.type, "evaluate_model", payload, spec(gate="{min: 0.1}"))
    assert (found.recorded, found.differs) == ("rejected (integrity)", False)


def test_a_metric_that_is_gone_and_a_persons_approval_are_no_decisions_to_make_again() -> None:
    gone = judged(None, replace(MEASURED, metric="gini"))
    assert (gone.decidable, gone.why) == (False, "this release has no metric gini")
    person = {"model": "churn", "version": 2, "approved_by": "ann"}
    event = Event("e", "/kascade/cli", kinds.ModelApproved.type, "churn/v2", NOON, data=person)
    assert replay([Recorded(1, NOON, event)], get) == []


def looked(
    tried: str | None, *tests: Test, status: Any, rows: int = 500, then: Drift | None = None
) -> Compared:
    inputs = DriftInputs(1, rows, 900, tests or None)
    payload = kinds.DriftChecked(
        model="churn",
        version=2,
        of="inferences",
        window=1,
        status=status,
        rows=rows,
        detector="tabular",
        reference_rows=900,
        alpha=0.05,
        alpha_spent=0.0304,
        min_effect=0.1,
        correction="holm",
        guarantee="budget",
        tests=len(tests),
        features=[],
        decided_from=DecisionInputs.of(Drift(), inputs),
    )
    return again(
        kinds.DriftChecked.type, "detect_drift", payload, None if tried is None else spec(drift=tried)
    )


def test_a_larger_alpha_finds_what_a_smaller_one_passed_over() -> None:
    test = Test("amount", "ks", 0.4, 0.04, 0.2, "w")
    assert not looked(None, test, status="stable").differs
    found = looked("{alpha: 0.2}", test, status="stable")
    assert (found.differs, found.replayed) == (True, "drifted")
    assert "amount: p 0.04, effect 0.2; check 1 may spend 0.1216" in found.why


def test_a_larger_effect_is_asked_of_a_detector_on_a_stream_too() -> None:
    rang = Test("amount", "cvm", 0.4, None, 0.2, "w", threshold=0.3, row=7)
    assert not looked(None, rang, status="drifted").differs
    assert looked("{min_effect: 0.3}", rang, status="drifted").replayed == "stable"
    below = replace(rang, effect=0.05, threshold=float("inf"))
    assert looked("{min_effect: 0.01}", below, status="stable").replayed == "drifted"


def test_a_check_with_too_few_rows_stays_so_and_other_data_cannot_be_replayed() -> None:
    assert not looked("{alpha: 0.5, min_effect: 0.0}", status="insufficient", rows=99).differs
    test = Test("amount", "ks", 0.4, 0.04, 0.2, "w")
    assert "the windows would be other ones" in looked("{window: 900}", test, status="stable").why
    assert "drift.detector" in looked("{detector: ks}", test, status="stable").why
    assert "drift.features" in looked("{features: [age]}", test, status="stable").why
