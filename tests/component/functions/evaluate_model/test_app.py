"""A candidate goes through the gate: real ONNX models, a real holdout, the state and the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from eventing import catalogue as kinds
from eventing.event import Event
from eventing.testing import HandlingFailed
from functions.state import versions
from functions.state.database import transaction

if TYPE_CHECKING:
    from conftest import Gate

GOOD = {"x1": 2.0, "lu": -4.0}
BLIND = {"x1": 2.0, "lu": 0.0}
BAD = {"x1": 1.0, "x2": 3.0}
REGRESSION: dict[str, Any] = {"task": "regression", "target": "amount", "classes": None, "metric": "rmse"}


def verdict_of(event: Event) -> kinds.GateVerdict:
    return kinds.GateVerdict.model_validate(event.data["verdict"])


def champion(gate: Gate, weights: dict[str, float] = BLIND, **how: Any) -> None:
    gate.ask(gate.candidate(1, weights, **how))
    gate.promote(1)


def test_the_first_model_is_registered_and_approved_with_its_numbers(gate: Gate) -> None:
    gate.register_spec("gate: {min: 0.9}")
    answer = gate.ask(gate.candidate(1, GOOD))
    assert answer.type == kinds.ModelApproved.type
    assert answer.data["approved_by"] == "offline gate"
    assert answer.extensions["causationid"] == "completed1"
    verdict = verdict_of(answer)
    assert (verdict.metric, verdict.minimum, verdict.rows, verdict.rule) == (
        "roc_auc",
        0.9,
        1200,
        "first-model",
    )
    assert 0.9 < verdict.value < 1
    assert verdict.champion_version is None
    assert gate.facts(1) == ["registered", "approved"]


def test_a_model_below_the_minimum_is_rejected_with_the_reason(gate: Gate) -> None:
    gate.register_spec("gate: {min: 0.9}")
    answer = gate.ask(gate.candidate(1, BAD))
    assert answer.type == kinds.ModelRejected.type
    assert "is below gate.min 0.9" in answer.data["message"]
    assert gate.facts(1) == ["registered", "rejected"]


def test_a_better_challenger_is_approved_and_a_worse_one_is_not(gate: Gate) -> None:
    gate.register_spec()
    champion(gate)
    better = gate.ask(gate.candidate(2, GOOD))
    verdict = verdict_of(better)
    assert better.type == kinds.ModelApproved.type
    assert verdict.champion_version == 1
    assert verdict.champion_value is not None
    assert verdict.interval_low is not None
    assert verdict.interval_high is not None
    assert 0 < verdict.interval_low < verdict.value - verdict.champion_value < verdict.interval_high
    worse = gate.ask(gate.candidate(3, BAD))
    assert worse.type == kinds.ModelRejected.type
    assert worse.data["message"].startswith("margin: it is worse than v1: the difference is at most -")


def test_the_champion_is_whoever_was_promoted_last(gate: Gate) -> None:
    gate.register_spec()
    champion(gate)
    gate.ask(gate.candidate(2, GOOD))
    gate.promote(2)
    assert verdict_of(gate.ask(gate.candidate(3, GOOD))).champion_version == 2


def test_a_redelivered_completion_gets_the_same_verdict_without_judging_again(gate: Gate) -> None:
    gate.register_spec()
    completed = gate.candidate(1, GOOD)
    first = gate.ask(completed)
    gate.store.put(completed.candidate.uri, b"gone")
    assert gate.ask(completed) == first
    assert gate.facts(1) == ["registered", "approved"]


def test_another_database_and_the_same_event_give_the_same_verdict(gate: Gate) -> None:
    gate.register_spec()
    champion(gate)
    completed = gate.candidate(2, GOOD)
    assert verdict_of(gate.ask(completed, "one")) == verdict_of(gate.ask(completed, "two"))


def test_a_slice_in_which_the_challenger_fails_refuses_it(gate: Gate) -> None:
    gate.register_spec("gate: {slices: [country], min: 0.6, margin: 0.05}")
    answer = gate.ask(gate.candidate(1, BLIND))
    assert answer.data["message"] == "slices: the gate does not hold where country=LU"
    slices = verdict_of(answer).slices
    assert [(each.value, each.passed) for each in slices] == [("LU", False), ("NL", True), ("BE", True)]
    gate.ask(gate.candidate(2, GOOD))
    gate.promote(2)
    answer = gate.ask(gate.candidate(3, GOOD))
    assert answer.type == kinds.ModelApproved.type
    assert all(each.champion_metric is not None for each in verdict_of(answer).slices)


def test_small_slices_and_unknown_slices_are_told_of(gate: Gate, rows: pa.Table) -> None:
    few = rows.filter(pc.not_equal(rows["country"], "LU")).slice(0, 300)
    few = pa.concat_tables([few, rows.filter(pc.equal(rows["country"], "LU")).slice(0, 10)])
    gate.register_spec("gate: {slices: [country]}")
    answer = gate.ask(gate.candidate(1, GOOD, table=few))
    assert answer.type == kinds.ModelApproved.type
    assert verdict_of(answer).message.endswith("slices too small to judge: 1")
    gate.register_spec("gate: {slices: [cuontry]}")
    answer = gate.ask(gate.candidate(2, GOOD))
    assert answer.type == kinds.ModelApprovalRequested.type
    assert "gate.slices names cuontry" in verdict_of(answer).message


@pytest.mark.parametrize("what", ["changed", "missing", "not a model", "no holdout"])
def test_files_that_are_not_what_was_promised_reject_the_candidate(gate: Gate, what: str) -> None:
    gate.register_spec()
    completed = gate.candidate(1, GOOD)
    match what:
        case "changed":
            gate.store.put(completed.candidate.uri, b"other bytes")
        case "missing":
            gone = kinds.Claim(uri="s3://models/churn/v1/none.onnx", sha256=DIGEST)
            completed = completed.model_copy(update={"candidate": gone})
        case "not a model":
            completed = completed.model_copy(update={"candidate": completed.card})
        case _:
            completed = completed.model_copy(update={"holdout": completed.card})
    answer = gate.ask(completed)
    assert answer.type == kinds.ModelRejected.type
    assert answer.data["message"].startswith("integrity: ")
    assert gate.facts(1) == ["registered", "rejected"]


DIGEST = "0" * 64


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"metric": "beauty"}, "beauty"),
        ({"metric": "rmse"}, "rmse"),
        ({"target": "gone"}, "no target 'gone'"),
    ],
)
def test_a_model_that_contradicts_its_holdout_is_rejected(
    gate: Gate, metadata: dict[str, str], reason: str
) -> None:
    gate.register_spec()
    answer = gate.ask(gate.candidate(1, GOOD, **metadata))
    assert answer.type == kinds.ModelRejected.type
    assert reason in answer.data["message"]


def test_a_holdout_of_one_class_rejects_by_the_minimum(gate: Gate, rows: pa.Table) -> None:
    gate.register_spec()
    one = rows.filter(pc.equal(rows["churned"], "yes"))
    answer = gate.ask(gate.candidate(1, GOOD, table=one))
    assert "undefined" in answer.data["message"]


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"weights": {"age": 1.0}}, "no column age"),
        ({"weights": GOOD, "target": "left", "table": "left"}, "it predicts 'left'"),
    ],
)
def test_a_champion_of_another_shape_is_for_a_person(
    gate: Gate, rows: pa.Table, how: dict[str, Any], reason: str
) -> None:
    gate.register_spec()
    weights, table = how["weights"], rows
    if "table" in how:
        table = rows.rename_columns(["left" if name == "churned" else name for name in rows.column_names])
    metadata = {name: value for name, value in how.items() if name not in ("weights", "table")}
    if "age" in weights:
        table = rows.append_column("age", rows["x1"])
    champion(gate, weights, table=table, **metadata)
    answer = gate.ask(gate.candidate(2, GOOD))
    assert answer.type == kinds.ModelApprovalRequested.type
    assert reason in verdict_of(answer).message


def test_a_champion_whose_file_is_gone_is_for_a_person(gate: Gate) -> None:
    gate.register_spec()
    champion(gate)
    gate.store.put("s3://models/churn/v1/model.onnx", b"overwritten")
    answer = gate.ask(gate.candidate(2, GOOD))
    assert answer.type == kinds.ModelApprovalRequested.type
    assert "v1 cannot be compared" in verdict_of(answer).message


def test_a_champion_that_knows_fewer_classes_is_compared_all_the_same(gate: Gate, rows: pa.Table) -> None:
    gate.register_spec()
    champion(gate, GOOD, metric="accuracy")
    three = rows.set_column(
        rows.column_names.index("churned"),
        "churned",
        pc.if_else(pc.greater(rows["x2"], 2.0), "maybe", rows["churned"]),
    )
    answer = gate.ask(gate.candidate(2, GOOD, table=three, classes=["maybe", "no", "yes"], metric="accuracy"))
    assert verdict_of(answer).champion_value is not None


def test_errors_are_compared_with_their_sign_turned(gate: Gate) -> None:
    gate.register_spec("gate: {min: 5}")
    champion(gate, {"x1": 9.0}, **REGRESSION)
    answer = gate.ask(gate.candidate(2, {"x1": 10.0}, **REGRESSION))
    verdict = verdict_of(answer)
    assert answer.type == kinds.ModelApproved.type, answer.data
    assert verdict.champion_value is not None
    assert verdict.interval_low is not None
    assert verdict.value < verdict.champion_value
    worse = gate.ask(gate.candidate(3, {"x1": -10.0}, **REGRESSION))
    assert worse.type == kinds.ModelRejected.type
    assert verdict_of(worse).value > verdict_of(answer).value


def test_without_a_registered_spec_the_cards_own_counts(gate: Gate) -> None:
    raw = b"model: churn\ntarget: churned\ngate: {min: 0.999}\n"
    gate.spec = gate.store.put("s3://models/churn/specs/y/model.yaml", raw)
    answer = gate.ask(gate.candidate(1, GOOD))
    assert answer.type == kinds.ModelRejected.type
    assert "below gate.min 0.999" in answer.data["message"]


def test_the_version_is_registered_with_all_its_claims(gate: Gate) -> None:
    gate.register_spec()
    completed = gate.candidate(1, GOOD)
    gate.ask(completed)
    with transaction(gate.sessions, read_only=True) as session:
        row = versions.get_version(session, "churn", 1)
    assert row is not None
    assert (row.candidate, row.card, row.reference) == (
        completed.candidate,
        completed.card,
        completed.reference,
    )
    assert row.run_id == "churn-v1"


def test_a_version_is_never_registered_twice_with_other_content(gate: Gate) -> None:
    gate.register_spec()
    gate.ask(gate.candidate(1, GOOD))
    with pytest.raises(HandlingFailed, match="churn/v1 is registered with another model file") as caught:
        gate.ask(gate.candidate(1, BLIND), "forged")
    assert caught.value.status == 422
    assert gate.facts(1) == ["registered", "approved"]
