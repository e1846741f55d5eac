"""The gate's rules, each on both sides of its limit, and their order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from functions.evaluate_model.logic import Champion, Decision, Inputs, Measurement, Outcome, Slice, decide
from pipelines.metrics import METRICS, Metric
from pipelines.spec import Gate

AUC, RMSE = METRICS["roc_auc"], METRICS["rmse"]
ALONE = Measurement(value=0.8, rows=500)
BESIDE = Measurement(value=0.8, rows=500, compared=0.8, champion=0.79, low=-0.005, high=0.02)
V3 = Champion(3)


def gate(**changes: Any) -> Gate:
    return Gate(**changes)


def judge(
    metric: Metric, policy: Gate, whole: Measurement, slices: list[Slice], champion: Champion | None
) -> Decision:
    columns = tuple({each.column for each in slices})
    named = policy.model_copy(update={"slices": columns})
    small = dict.fromkeys(columns, 0)
    return decide(named, Inputs(None, metric.name, whole, champion, tuple(slices), small))


def test_the_first_model_has_only_the_minimum() -> None:
    assert judge(AUC, gate(min=0.8), ALONE, [], None).rule == "first-model"
    refused = judge(AUC, gate(min=0.81), ALONE, [], None)
    assert refused == Decision(Outcome.REJECT, "min", "roc_auc 0.8 is below gate.min 0.81")
    assert judge(AUC, gate(), ALONE, [], None).outcome is Outcome.APPROVE


def test_for_an_error_the_minimum_is_the_largest_acceptable() -> None:
    error = Measurement(value=12.0, rows=500)
    assert judge(RMSE, gate(min=12.0), error, [], None).outcome is Outcome.APPROVE
    refused = judge(RMSE, gate(min=11.9), error, [], None)
    assert refused.message == "rmse 12 is above gate.min 11.9"


@pytest.mark.parametrize(
    ("low", "outcome"), [(-0.0099, Outcome.APPROVE), (-0.01, Outcome.REJECT), (-0.2, Outcome.REJECT)]
)
def test_the_lower_bound_must_be_above_minus_the_margin(low: float, outcome: Outcome) -> None:
    decision = judge(AUC, gate(), replace(BESIDE, low=low), [], V3)
    assert decision.outcome is outcome
    assert decision.rule == ("passed" if outcome is Outcome.APPROVE else "margin")


@pytest.mark.parametrize(
    ("low", "high", "rule"),
    [(-0.005, 0.02, "passed"), (-0.2, 0.0, "undecided"), (-0.2, -0.001, "margin"), (-0.2, None, "margin")],
)
def test_where_labels_decide_next_only_what_is_shown_to_be_worse_is_refused(
    low: float, high: float | None, rule: str
) -> None:
    inputs = Inputs(None, AUC.name, replace(BESIDE, low=low, high=high), V3, tried_next=True)
    assert decide(gate(), inputs).rule == rule
    careful = "passed" if rule == "passed" else "margin"
    assert decide(gate(undecided="refuse"), inputs).rule == careful
    assert decide(gate(), replace(inputs, tried_next=False)).rule == careful


def test_what_must_be_better_by_so_much_is_not_tried_undecided() -> None:
    inputs = Inputs(None, AUC.name, replace(BESIDE, low=-0.2), V3, tried_next=True)
    assert decide(gate(better_than_champion_by=0.001), inputs).rule == "margin"


def test_a_margin_of_nothing_means_must_be_better() -> None:
    assert judge(AUC, gate(margin=0), replace(BESIDE, low=0.0), [], V3).outcome is Outcome.REJECT
    assert judge(AUC, gate(margin=0), replace(BESIDE, low=0.001), [], V3).outcome is Outcome.APPROVE


@pytest.mark.parametrize(("low", "outcome"), [(-0.4, Outcome.APPROVE), (-0.6, Outcome.REJECT)])
def test_the_margin_of_an_error_is_a_share_of_the_champions(low: float, outcome: Outcome) -> None:
    errors = Measurement(value=50.0, rows=500, compared=50.0, champion=50.0, low=low, high=1.0)
    assert judge(RMSE, gate(margin=0.01), errors, [], V3).outcome is outcome


@pytest.mark.parametrize(
    ("wanted", "outcome"), [(0.0, Outcome.APPROVE), (0.009, Outcome.APPROVE), (0.02, Outcome.REJECT)]
)
def test_it_must_be_better_by_what_the_spec_asks(wanted: float, outcome: Outcome) -> None:
    assert judge(AUC, gate(better_than_champion_by=wanted), BESIDE, [], V3).outcome is outcome


def test_a_champion_that_cannot_be_compared_is_for_a_person() -> None:
    obstacle = Champion(3, "the holdout has no column age")
    decision = judge(AUC, gate(), ALONE, [], obstacle)
    assert decision.outcome is Outcome.ASK
    assert decision.message == "v3 cannot be compared: the holdout has no column age; a person decides"
    assert judge(AUC, gate(min=0.9), ALONE, [], obstacle).outcome is Outcome.REJECT


def test_each_slice_must_pass_both_tests() -> None:
    fine = Slice("country", "NL", BESIDE)
    weak = Slice("country", "BE", replace(BESIDE, value=0.7, compared=0.7))
    worse = Slice("country", "LU", replace(BESIDE, low=-0.05))
    assert judge(AUC, gate(min=0.75), BESIDE, [fine], V3).outcome is Outcome.APPROVE
    refused = judge(AUC, gate(min=0.75), BESIDE, [fine, weak, worse], V3)
    assert refused == Decision(
        Outcome.REJECT, "slices", "the gate does not hold where country=BE, country=LU"
    )
    many = [Slice("country", str(number), replace(BESIDE, low=-1)) for number in range(7)]
    assert judge(AUC, gate(), BESIDE, many, V3).message.endswith("country=4 and 2 more")


def test_manual_approval_asks_a_person_only_about_what_passed() -> None:
    assert judge(AUC, gate(approval="manual"), BESIDE, [], V3).outcome is Outcome.ASK
    assert judge(AUC, gate(approval="manual", min=0.9), BESIDE, [], V3).outcome is Outcome.REJECT


def test_an_undefined_metric_never_passes() -> None:
    assert judge(AUC, gate(), replace(ALONE, value=None), [], None).outcome is Outcome.REJECT
    assert judge(AUC, gate(), replace(BESIDE, low=None), [], V3).outcome is Outcome.REJECT


def test_what_could_not_be_scored_is_rejected_whatever_the_gate() -> None:
    refused = Decision(Outcome.REJECT, "integrity", "it is no model")
    assert decide(gate(approval="manual", slices=("country",)), Inputs(problem="it is no model")) == refused


def test_a_column_that_the_data_lacks_and_small_slices_are_named() -> None:
    named = gate(slices=("country", "age"))
    inputs = Inputs(metric="roc_auc", whole=ALONE, small={"country": 2}, lacking=("age",))
    decision = decide(named, inputs)
    assert (decision.outcome, decision.rule) == (Outcome.ASK, "slices")
    assert decision.message == (
        "gate.slices names age, which the data lacks; a person decides; slices too small to judge: 2"
    )
    assert decide(gate(min=0.9, slices=("age",)), inputs).rule == "min"


def test_slices_of_columns_that_the_gate_does_not_name_count_for_nothing() -> None:
    weak = Slice("country", "BE", replace(BESIDE, value=0.7, compared=0.7))
    inputs = Inputs(None, "roc_auc", BESIDE, V3, (weak,), {"country": 1})
    assert decide(gate(min=0.75, slices=("country",)), inputs).rule == "slices"
    assert decide(gate(min=0.75), inputs).rule == "passed"
    assert inputs.unmeasured(gate(slices=("country", "age"))) == ["age"]


@pytest.mark.parametrize(("low", "outcome"), [(-0.005, Outcome.APPROVE), (-0.2, Outcome.REJECT)])
def test_where_errors_have_costs_the_loss_is_compared_and_the_minimum_stays_on_the_metric(
    low: float, outcome: Outcome
) -> None:
    whole = Measurement(0.9, 1_000, 0.9, 0.95, low, 0.3, loss=0.4, champion_loss=0.5)
    inputs = Inputs(metric="roc_auc", whole=whole, champion=Champion(1), loss="balanced")

    decision = decide(gate(min=0.85), inputs)

    assert decision.outcome is outcome
    assert outcome is Outcome.REJECT or "loss 0.4 against 0.5 of v1" in decision.message
    assert decide(gate(better_than_champion_by=0.2), inputs).outcome is Outcome.REJECT
    assert decide(gate(min=0.92), inputs).rule == "min"
