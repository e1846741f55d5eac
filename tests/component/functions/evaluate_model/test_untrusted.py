"""Completions that nobody approved, and model files that are not what they should be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from eventing import catalogue as kinds
from eventing.testing import HandlingFailed, build_event, handle
from functions.evaluate_model import scoring
from functions.state import versions
from functions.state.database import transaction
from pipelines.onnx_graph import Bounds, with_metadata

if TYPE_CHECKING:
    from conftest import Gate

GOOD = {"x1": 2.0, "lu": -4.0}


def refused(gate: Gate, completed: kinds.TrainingCompleted) -> str:
    """Send a completion that is refused; return what the dead letter would say."""
    event = build_event(kinds.TrainingCompleted.type, completed, subject="churn/v1", id_="forged")
    with pytest.raises(HandlingFailed) as raised:
        handle(gate.app, event)
    assert raised.value.status == 422
    with transaction(gate.sessions, read_only=True) as session:
        assert versions.get_version(session, "churn", completed.version) is None
    return str(raised.value)


@pytest.mark.case("S3", "a completion of no approved run")
def test_a_completion_of_a_run_that_nobody_approved_is_refused_unread(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate.register_spec()
    forged = gate.candidate(1, GOOD).model_copy(update={"version": 9})
    monkeypatch.setattr(gate.store, "get", lambda *_: pytest.fail("a file is read"))
    assert "the governor approved no run churn-v1 for churn/v9" in refused(gate, forged)


@pytest.mark.case("S3", "a completion under another run's id")
def test_a_completion_with_another_run_id_is_refused(gate: Gate) -> None:
    gate.register_spec()
    forged = gate.candidate(1, GOOD).model_copy(update={"run_id": "churn-v1-guessed"})
    assert "approved no run churn-v1-guessed" in refused(gate, forged)


@pytest.mark.case("S3", "files outside of the run's output")
@pytest.mark.parametrize("part", ["candidate", "card", "holdout", "reference"])
@pytest.mark.parametrize(
    "folder", ["s3://raw/churn", "s3://models/churn/v10", "s3://models/other/v1", "s3://models/churn"]
)
def test_files_that_another_run_or_a_person_has_written_are_refused(
    gate: Gate, part: str, folder: str
) -> None:
    gate.register_spec()
    gate.store.ensure_bucket("raw")
    real = gate.candidate(1, GOOD)
    copied = gate.store.put(f"{folder}/file", gate.store.get(getattr(real, part).uri))
    said = refused(gate, real.model_copy(update={part: copied}))
    assert f"{folder}/file is not judged" in said


@pytest.mark.case("S3", "a way out of the run's output")
def test_a_way_out_of_the_output_is_refused(gate: Gate) -> None:
    gate.register_spec()
    real = gate.candidate(1, GOOD)
    away = real.candidate.model_copy(update={"uri": "s3://models/churn/v1/../../../raw/churn/file"})
    assert "/file is not judged" in refused(gate, real.model_copy(update={"candidate": away}))


@pytest.mark.case("S3", "a second completion of a registered version, with other files")
@pytest.mark.parametrize("part", ["candidate", "card", "holdout", "reference"])
def test_a_registered_version_is_not_rejected_because_of_files_that_somebody_names(
    gate: Gate, part: str
) -> None:
    gate.register_spec()
    real = gate.candidate(1, GOOD)
    assert gate.ask(real).type == kinds.ModelApproved.type
    missing = getattr(real, part).model_copy(update={"uri": "s3://models/churn/v1/nothing"})
    event = build_event(
        kinds.TrainingCompleted.type,
        real.model_copy(update={part: missing}),
        subject="churn/v1",
        id_="second",
    )
    with pytest.raises(HandlingFailed, match="churn/v1 is registered with another") as raised:
        handle(gate.app, event)
    assert raised.value.status == 422
    with transaction(gate.sessions, read_only=True) as session:
        facts = [fact.fact for fact in versions.facts_of(session, "churn", 1)]
    assert versions.Fact.REJECTED not in facts


def rejection(gate: Gate, raw: bytes) -> str:
    """Judge a candidate whose file is replaced by another; return why it is rejected."""
    gate.register_spec()
    completed = gate.candidate(1, GOOD)
    claim = gate.store.put(completed.candidate.uri, raw)
    answer = gate.ask(completed.model_copy(update={"candidate": claim}))
    assert answer.type == kinds.ModelRejected.type
    message: str = answer.data["message"]
    assert message.startswith("integrity: ")
    return message


def about(gate: Gate) -> dict[str, object]:
    """Return what a candidate of ours says of itself."""
    gate.register_spec()
    raw = gate.store.get(gate.candidate(1, GOOD).candidate.uri)
    return scoring.Scorer(raw).metadata()


def regressor(*nodes: onnx.NodeProto, tensors: tuple[onnx.TensorProto, ...] = ()) -> bytes:
    """Return a model of the width of `GOOD` whose operators are given."""
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [None, 2])],
        [helper.make_tensor_value_info("variable", TensorProto.FLOAT, None)],
        list(tensors),
    )
    opset = [helper.make_opsetid("", 17)]
    return bytes(helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString())


def numeric(gate: Gate) -> dict[str, object]:
    return {**about(gate), "task": "regression", "target": "amount", "classes": None, "metric": "rmse"}


@pytest.mark.case("S3", "external data")
def test_a_file_of_this_machine_never_becomes_a_prediction(
    gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "credentials.json").write_bytes(np.full(2, 4711.0, np.float32).tobytes())
    monkeypatch.chdir(tmp_path)
    secret = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2, 1])
    secret.data_location = TensorProto.EXTERNAL
    entry = secret.external_data.add()
    entry.key, entry.value = "location", "credentials.json"
    raw = regressor(helper.make_node("MatMul", ["input", "w"], ["variable"]), tensors=(secret,))
    said = rejection(gate, with_metadata(raw, numeric(gate)))
    assert "the data of a tensor lies in another file" in said
    assert "4711" not in said


@pytest.mark.case("S3", "another domain")
def test_an_operator_of_another_domain_is_refused(gate: Gate) -> None:
    raw = regressor(helper.make_node("Gelu", ["input"], ["variable"], domain="com.microsoft"))
    assert "the domain 'com.microsoft'" in rejection(gate, with_metadata(raw, numeric(gate)))


@pytest.mark.case("S3", "a graph that doubles its memory at each step")
def test_a_graph_that_asks_for_all_memory_is_refused_before_it_has_it(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "UNTRUSTED", Bounds(64 << 20, 60))
    doubled = [helper.make_node("Concat", ["input", "input"], ["x0"], axis=1)]
    doubled += [helper.make_node("Concat", [f"x{n}"] * 2, [f"x{n + 1}"], axis=1) for n in range(24)]
    raw = regressor(*doubled, helper.make_node("ReduceSum", ["x24"], ["variable"]))
    said = rejection(gate, with_metadata(raw, numeric(gate)))
    assert "the model cannot score 2 encoded columns" in said


@pytest.mark.case("S3", "a graph that computes while it is loaded")
def test_a_graph_that_computes_while_it_is_loaded_is_refused_too(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "UNTRUSTED", Bounds(64 << 20, 60))
    row = numpy_helper.from_array(np.ones((1, 20_000), np.float32), "row")
    column = numpy_helper.from_array(np.ones((20_000, 1), np.float32), "column")
    nodes = [
        helper.make_node("Add", ["row", "column"], ["square"]),
        helper.make_node("ReduceSum", ["square"], ["sum"]),
        helper.make_node("Add", ["input", "sum"], ["variable"]),
    ]
    said = rejection(gate, with_metadata(regressor(*nodes, tensors=(row, column)), numeric(gate)))
    assert "the model cannot score 2 encoded columns" in said


@pytest.mark.case("S3", "a graph that takes for ever")
def test_a_graph_that_takes_too_long_is_ended(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "UNTRUSTED", Bounds(2 << 30, 0.05))
    size = 1000
    wide = numpy_helper.from_array(np.ones((2, size), np.float32), "wide")
    square = numpy_helper.from_array(np.ones((size, size), np.float32), "square")
    nodes = [helper.make_node("MatMul", ["input", "wide"], ["x0"])]
    nodes += [helper.make_node("MatMul", [f"x{n}", "square"], [f"x{n + 1}"]) for n in range(900)]
    raw = regressor(*nodes, helper.make_node("ReduceSum", ["x900"], ["variable"]), tensors=(wide, square))
    said = rejection(gate, with_metadata(raw, numeric(gate)))
    assert "not within 0.05 s" in said


@pytest.mark.case("S3", "another model's file")
def test_a_file_that_is_another_version_is_refused(gate: Gate) -> None:
    known = about(gate)
    raw = gate.store.get(gate.candidate(1, GOOD).candidate.uri)
    assert "says that it is churn/v2" in rejection(gate, with_metadata(raw, {**known, "version": 2}))


@pytest.mark.case("S3", "answers of another shape")
@pytest.mark.parametrize("classes", [["no"], ["no", "yes", "maybe"]])
def test_a_file_with_more_or_fewer_answers_than_classes_is_refused(gate: Gate, classes: list[str]) -> None:
    known = about(gate)
    raw = gate.store.get(gate.candidate(1, GOOD).candidate.uri)
    said = rejection(gate, with_metadata(raw, {**known, "classes": classes}))
    assert "it answers 1200 rows with (1200, 2) numbers" in said


@pytest.mark.case("S3", "inputs of another width")
def test_a_file_of_another_width_is_refused(gate: Gate) -> None:
    known = about(gate)
    raw = gate.store.get(gate.candidate(2, {"x1": 1.0, "x2": 1.0, "lu": 1.0}).candidate.uri)
    assert "cannot score 2 encoded columns" in rejection(gate, with_metadata(raw, known))


@pytest.mark.case("S3", "a file that says nonsense of itself")
@pytest.mark.parametrize(
    "nonsense", [{"encoding": []}, {"encoding": {"format": 1}}, {"encoding": None}, {"metric": ["rmse"]}]
)
def test_a_file_that_says_nonsense_of_itself_is_refused(gate: Gate, nonsense: dict[str, object]) -> None:
    known = about(gate)
    raw = gate.store.get(gate.candidate(1, GOOD).candidate.uri)
    rejection(gate, with_metadata(raw, {**known, **nonsense}))
