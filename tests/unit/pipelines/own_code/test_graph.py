"""Graphs that somebody else has made, brought to the inputs and outputs that are served."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pipelines.errors import StepError
from pipelines.onnx_graph import Scorer
from pipelines.own_code.graph import as_served

FLOAT, INT64, DOUBLE, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.DOUBLE, TensorProto.STRING
WEIGHTS = np.arange(6, dtype=np.float32).reshape(3, 2) / 10


def softmax(
    name: str = "x",
    shape: Sequence[Any] | None = ("rows", 3),
    outputs: Sequence[tuple[str, int]] = (("p", FLOAT),),
    kind: int = FLOAT,
) -> bytes:
    """A linear model with softmax, as PyTorch exports one."""
    nodes = [
        helper.make_node("MatMul", [name, "w"], ["z"]),
        helper.make_node("Softmax", ["z"], ["p"], axis=1),
    ]
    for output, of in outputs:
        if output != "p":
            nodes.append(
                helper.make_node("ArgMax", ["p"], [output], axis=1, keepdims=0)
                if of == INT64
                else helper.make_node("Cast", ["p"], [output], to=of)
            )
    graph = helper.make_graph(
        nodes,
        "torch",
        [helper.make_tensor_value_info(name, kind, shape)],
        [helper.make_tensor_value_info(output, of, None) for output, of in outputs],
        [numpy_helper.from_array(WEIGHTS, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(
    "names", [("input", "label"), ("x", "probabilities"), ("label", "input"), ("w2", "variable")]
)
def test_names_that_are_served_may_stand_anywhere_in_the_graph(names: tuple[str, str]) -> None:
    first, last = names
    nodes = [
        helper.make_node("MatMul", ["rows", "variable"], [first]),
        helper.make_node("Identity", [first], ["middle"]),
        helper.make_node("Softmax", ["middle"], [last], axis=1),
    ]
    if "variable" in names:
        nodes[0].input[1] = "weights"
    graph = helper.make_graph(
        nodes,
        "names",
        [helper.make_tensor_value_info("rows", FLOAT, ["n", 3])],
        [helper.make_tensor_value_info(last, FLOAT, ["n", 2])],
        [numpy_helper.from_array(WEIGHTS, nodes[0].input[1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    matrix = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    assert Scorer(as_served(model.SerializeToString(), 3, 2)).score(matrix) == pytest.approx(
        expected(matrix), abs=1e-6
    )


def expected(matrix: np.ndarray) -> np.ndarray:
    z = np.exp(matrix @ WEIGHTS)
    return z / z.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"name": "input"},
        {"shape": None},
        {"outputs": [("label", INT64), ("probabilities", FLOAT)]},
    ],
)
def test_a_classifier_serves_its_probabilities_and_the_largest_as_label(given: dict[str, Any]) -> None:
    matrix = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    raw = as_served(softmax(**given), 3, 2)
    assert Scorer(raw).score(matrix) == pytest.approx(expected(matrix), abs=1e-6)
    names = [output.name for output in onnx.load_from_string(raw).graph.output]
    assert names == ["label", "probabilities"]
    assert as_served(raw, 3, 2) == raw, "what serves already stays as it is"


def test_a_regression_serves_its_one_output_as_numbers() -> None:
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "linear",
        [helper.make_tensor_value_info("x", FLOAT, ["rows", 3])],
        [helper.make_tensor_value_info("y", FLOAT, ["rows", 1])],
        [numpy_helper.from_array(WEIGHTS[:, :1], "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    matrix = np.ones((4, 3), dtype=np.float32)
    raw = as_served(model.SerializeToString(), 3, None)
    assert Scorer(raw).score(matrix) == pytest.approx((matrix @ WEIGHTS[:, :1]).reshape(-1))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"shape": (1, 3)}, "takes 1 rows only; export it with dynamic rows"),
        ({"shape": ("rows", 4)}, "has 4 columns, the rows have 3"),
        ({"shape": ("rows", 3, 1)}, "has 3 dimensions"),
        ({"kind": DOUBLE}, "its input 'x' is no float32"),
        ({"outputs": [("d", DOUBLE)]}, "its output 'd' is no float32"),
        (
            {"outputs": [("p", FLOAT), ("label", INT64)]},
            "its outputs are p, label, expected label and probabilities",
        ),
        ({"outputs": [("label", FLOAT), ("probabilities", FLOAT)]}, "its `label` is no int64"),
        ({"outputs": [("label", INT64), ("probabilities", DOUBLE)]}, "its `probabilities` is no float32"),
    ],
)
def test_what_cannot_serve_is_refused_with_the_reason(given: dict[str, Any], said: str) -> None:
    with pytest.raises(StepError, match=said):
        as_served(softmax(**given), 3, 2)


@pytest.mark.parametrize("raw", [b"", b"\xff\xff", b"no model"])
def test_bytes_that_are_no_model_are_refused(raw: bytes) -> None:
    with pytest.raises(StepError):
        as_served(raw, 3, 2)


def test_a_graph_of_another_domain_is_refused_as_everywhere() -> None:
    model = onnx.load_from_string(softmax())
    model.graph.node.append(helper.make_node("Mine", ["p"], ["q"], domain="my.own"))
    with pytest.raises(StepError, match=r"domain 'my\.own'"):
        as_served(model.SerializeToString(), 3, 2)
