"""Builds tiny models whose answers can be computed by hand, for tests of what serves or rolls out a model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

from functions.serve_model.settings import Settings
from pipelines.encoding import Encoding, Feature
from pipelines.encoding.columns import Number
from pipelines.features.plan import LookupPlan

OPSET = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]


def numbers(*names: str) -> Encoding:
    """Return the encoding of features that all are plain numbers."""
    return Encoding(tuple(Feature(name, "number", Number()) for name in names))


def classifier(
    encoding: Encoding,
    classes: Sequence[Any] = (0, 1),
    *,
    model: str = "churn",
    version: int = 1,
    entity: str | None = None,
    plan: LookupPlan | None = None,
) -> bytes:
    """Return a model.onnx: class 1 where the encoded columns, missing ones taken as 1, sum to more than zero.

    Its probability is the logistic function of the sum. As the pipeline's models do, the graph gives the
    position in `classes`.
    """
    width = encoding.width
    nodes = [
        _imputer(width),
        helper.make_node(
            "LinearClassifier",
            ["filled"],
            ["label", "probabilities"],
            domain="ai.onnx.ml",
            coefficients=[-1.0] * width + [1.0] * width,
            intercepts=[0.0, 0.0],
            post_transform="LOGISTIC",
            classlabels_ints=[0, 1],
        ),
    ]
    outputs = [
        helper.make_tensor_value_info("label", TensorProto.INT64, [None]),
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2]),
    ]
    card: dict[str, Any] = {"task": "classification", "target": "label", "classes": list(classes)}
    card |= {"entity": entity, "lookup": plan.to_json() if plan else None}
    return _model(nodes, outputs, encoding, {**card, "model": model, "version": version})


def regressor(encoding: Encoding, *, model: str = "price", version: int = 1, imputes: bool = True) -> bytes:
    """Return a model.onnx whose prediction is the sum of the encoded columns, missing ones taken as 1."""
    nodes = [_imputer(encoding.width)] if imputes else []
    nodes.append(
        helper.make_node(
            "LinearRegressor",
            ["filled" if imputes else "input"],
            ["variable"],
            domain="ai.onnx.ml",
            coefficients=[1.0] * encoding.width,
            intercepts=[0.0],
        )
    )
    outputs = [helper.make_tensor_value_info("variable", TensorProto.FLOAT, [None, 1])]
    card = {"task": "regression", "target": "y", "classes": None, "model": model, "version": version}
    return _model(nodes, outputs, encoding, card)


def write(folder: Path, data: bytes, **settings: Any) -> Settings:
    """Write a model's bytes under `folder`; return the settings that serve it."""
    path = folder / "model.onnx"
    path.write_bytes(data)
    card = json.loads(onnx.load_from_string(data).metadata_props[0].value)
    digest = hashlib.sha256(data).hexdigest()
    return Settings(card["model"], card["version"], path.as_uri(), digest, **settings)


def _imputer(width: int) -> onnx.NodeProto:
    filled = [1.0] * width
    missing = float("nan")
    return helper.make_node(
        "Imputer",
        ["input"],
        ["filled"],
        domain="ai.onnx.ml",
        imputed_value_floats=filled,
        replaced_value_float=missing,
    )


def _model(
    nodes: list[onnx.NodeProto],
    outputs: list[onnx.ValueInfoProto],
    encoding: Encoding,
    card: dict[str, Any],
) -> bytes:
    taken = helper.make_tensor_value_info("input", TensorProto.FLOAT, [None, encoding.width])
    graph = helper.make_graph(nodes, "model", [taken], outputs)
    built = helper.make_model(graph, opset_imports=OPSET, ir_version=8)
    helper.set_model_props(built, {"kascade": json.dumps({**card, "encoding": encoding.to_json()})})
    data: bytes = built.SerializeToString()
    return data
