"""What a model file may hold: what our exporter writes, nothing that reaches out or runs without end."""

from __future__ import annotations

import time
from contextlib import suppress

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pipelines import model_file
from pipelines.model_file import RefusedModel, check_model

INPUT = helper.make_tensor_value_info("input", TensorProto.FLOAT, [None, 2])
VARIABLE = helper.make_tensor_value_info("variable", TensorProto.FLOAT, [None, 1])


def tensor(name: str = "w") -> onnx.TensorProto:
    return numpy_helper.from_array(np.ones((2, 1), np.float32), name)


def model(*nodes: onnx.NodeProto, initializers: tuple[onnx.TensorProto, ...] = ()) -> onnx.ModelProto:
    """Return `variable = input · w`, after some operators more."""
    product = helper.make_node("MatMul", ["input", "w"], ["variable"])
    graph = helper.make_graph([*nodes, product], "g", [INPUT], [VARIABLE], [tensor(), *initializers])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def external(name: str = "secret") -> onnx.TensorProto:
    kept = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[4])
    kept.data_location = TensorProto.EXTERNAL
    entry = kept.external_data.add()
    entry.key, entry.value = "location", "credentials.json"
    return kept


def body(*nodes: onnx.NodeProto) -> onnx.GraphProto:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, None)
    return helper.make_graph(
        nodes or [helper.make_node("Identity", ["x"], ["y"])],
        "body",
        [value],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )


def scan(graph: onnx.GraphProto) -> onnx.NodeProto:
    return helper.make_node("Scan", ["input"], ["s"], body=graph, num_scan_inputs=1)


def located_elsewhere() -> onnx.ModelProto:
    found = model()
    found.graph.initializer[0].data_location = TensorProto.EXTERNAL
    return found


def sparse(part: onnx.TensorProto) -> onnx.SparseTensorProto:
    return helper.make_sparse_tensor(part, numpy_helper.from_array(np.array([0]), "i"), [4])


def with_sparse_initializer() -> onnx.ModelProto:
    found = model()
    found.graph.sparse_initializer.append(sparse(external()))
    return found


def with_function() -> onnx.ModelProto:
    found = model()
    opset = [helper.make_opsetid("", 17)]
    again = helper.make_node("Identity", ["x"], ["y"])
    found.functions.append(helper.make_function("", "Again", ["x"], ["y"], [again], opset))
    return found


def with_training() -> onnx.ModelProto:
    found = model()
    found.training_info.add()
    return found


def named(inputs: list[str] | None = None, outputs: list[str] | None = None) -> onnx.ModelProto:
    found = model()
    for fields, names in ((found.graph.input, inputs), (found.graph.output, outputs)):
        if names is not None:
            del fields[:]
            fields.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    return found


EVIL = {
    "an initializer in another file": (model(initializers=(external(),)), "external data"),
    "a location alone": (located_elsewhere(), "external data"),
    "an attribute in another file": (
        model(helper.make_node("Constant", [], ["c"], value=external())),
        "external data",
    ),
    "a list of tensors in other files": (
        model(helper.make_node("Constant", [], ["c"], values=[external()])),
        "external data",
    ),
    "a sparse initializer in another file": (with_sparse_initializer(), "external data"),
    "a sparse attribute in another file": (
        model(helper.make_node("Constant", [], ["c"], sparse_value=sparse(external()))),
        "external data",
    ),
    "a tensor in another file, within a scan": (
        model(scan(body(helper.make_node("Constant", [], ["y"], value=external())))),
        "external data",
    ),
    "an operator of another domain": (
        model(helper.make_node("Steal", ["input"], ["x"], domain="com.evil")),
        "the domain 'com.evil'",
    ),
    "an operator of another domain, within a scan": (
        model(scan(body(helper.make_node("Steal", ["x"], ["y"], domain="com.microsoft")))),
        "the domain 'com.microsoft'",
    ),
    "a loop": (model(helper.make_node("Loop", ["", ""], ["x"], body=body())), "'Loop' holds a graph"),
    "a branch": (
        model(helper.make_node("If", ["input"], ["x"], then_branch=body(), else_branch=body())),
        "'If' holds a graph",
    ),
    "a scan within a scan": (model(scan(body(scan(body())))), "a loop within a loop"),
    "a list of graphs": (model(helper.make_node("Scan", ["input"], ["x"], many=[body()])), "several graphs"),
    "a function": (with_function(), "functions of its own"),
    "a graph for training": (with_training(), "a graph for training"),
    "another input": (named(inputs=["x"]), "its inputs are x, expected input"),
    "two inputs": (named(inputs=["input", "x"]), "its inputs are input, x, expected input"),
    "no input": (named(inputs=[]), "its inputs are none"),
    "another output": (named(outputs=["y"]), "its outputs are y, expected label, probabilities or variable"),
    "one output of two": (named(outputs=["probabilities"]), "its outputs are probabilities"),
    "too many outputs": (named(outputs=["label", "probabilities", "x"]), "its outputs are label"),
}


@pytest.mark.case("S3", "what a model file may not hold")
@pytest.mark.parametrize(("evil", "said"), EVIL.values(), ids=EVIL)
def test_what_no_model_needs_is_refused(evil: onnx.ModelProto, said: str) -> None:
    with pytest.raises(RefusedModel, match=said):
        check_model(evil.SerializeToString())


@pytest.mark.parametrize(
    "good",
    [
        model(),
        model(scan(body())),
        model(helper.make_node("Constant", [], ["c"], value=tensor("c"))),
        named(inputs=["input", "w"]),
        named(outputs=["label", "probabilities"]),
    ],
    ids=["plain", "a scan", "a constant", "an initializer among the inputs", "a classifier"],
)
def test_what_exporters_write_is_taken(good: onnx.ModelProto) -> None:
    check_model(good.SerializeToString())


@pytest.mark.case("S3", "a damaged file")
def test_a_damaged_file_is_refused_wherever_it_breaks_off() -> None:
    whole = model().SerializeToString()
    opset = 6  # the last field: without it the rest is whole again
    for length in range(len(whole) - opset):
        with pytest.raises(RefusedModel):
            check_model(whole[:length])


@pytest.mark.case("S3", "a damaged file")
def test_no_bytes_make_it_fail_otherwise() -> None:
    rng = np.random.default_rng(0)
    whole = np.frombuffer(model(scan(body())).SerializeToString(), np.uint8)
    for _ in range(3000):
        broken = whole.copy()
        broken[rng.integers(0, len(broken), rng.integers(1, 6))] = rng.integers(0, 256)
        with suppress(RefusedModel):
            check_model(broken.tobytes())


@pytest.mark.case("S3", "the order of fields hides nothing")
def test_parts_that_come_twice_are_all_looked_at() -> None:
    # Protobuf merges a message that is there twice, and takes the last of a number.
    one, other = model(), onnx.ModelProto()
    other.graph.initializer.append(external())
    with pytest.raises(RefusedModel, match="external data"):
        check_model(other.SerializeToString() + one.SerializeToString())


@pytest.mark.case("S3", "an oversized graph")
def test_a_graph_with_too_many_operators_is_refused() -> None:
    nodes = [helper.make_node("Identity", ["input"], [f"x{n}"]) for n in range(model_file.MAX_NODES)]
    with pytest.raises(RefusedModel, match="more than 10000 operators"):
        check_model(model(*nodes).SerializeToString())


@pytest.mark.case("S3", "a file beyond the limit")
def test_a_file_beyond_the_limit_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_file, "MAX_BYTES", 100)
    with pytest.raises(RefusedModel, match="at most 100 are loaded"):
        check_model(model().SerializeToString())


@pytest.mark.case("S3", "a file made of millions of parts")
def test_a_file_of_tiny_parts_is_given_up_in_time() -> None:
    began = time.process_time()
    with pytest.raises(RefusedModel, match="more than 1000000 parts"):
        check_model(b"\x08\x01" * 20_000_000)
    assert time.process_time() - began < 10


def test_the_lists_of_a_forest_are_read_at_once() -> None:
    numbers = list(range(-50_000, 50_000))
    node = helper.make_node(
        "TreeEnsembleRegressor",
        ["input"],
        ["t"],
        domain="ai.onnx.ml",
        nodes_modes=["LEAF", "BRANCH_LEQ", "BRANCH_LT"] * 30_000,
        nodes_values=[float(n) for n in numbers],
        nodes_nodeids=numbers,
    )
    raw = model(node).SerializeToString()
    began = time.process_time()
    check_model(raw)
    assert time.process_time() - began < 0.5
