"""Models that were made elsewhere, as people convert them, for the table of `churn_table`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

NUMBERS, CATEGORIES = ("amount", "calls"), ("country", "shop")


def churn_frame(table: pa.Table) -> pd.DataFrame:
    """Return the columns that these models take; a missing text is empty."""
    frame = table.select([*NUMBERS, *CATEGORIES]).to_pandas()
    return frame.fillna(dict.fromkeys(CATEGORIES, ""))


def fit_churn(table: pa.Table, *, unknown: str = "ignore") -> Pipeline:
    """Fit a pipeline of scikit-learn to columns of numbers and texts."""
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = ColumnTransformer(
        [("n", numbers, list(NUMBERS)), ("c", OneHotEncoder(handle_unknown=unknown), list(CATEGORIES))]
    )
    pipeline = make_pipeline(columns, LogisticRegression(max_iter=500))
    return pipeline.fit(churn_frame(table), table.column("churned").to_pandas())


def convert_churn(pipeline: Pipeline, *, zipmap: bool = True) -> bytes:
    """Convert it with an input for each column, as skl2onnx does by default."""
    types = [(name, FloatTensorType([None, 1])) for name in NUMBERS]
    types += [(name, StringTensorType([None, 1])) for name in CATEGORIES]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = {id(pipeline): {"zipmap": zipmap}}
        model = convert_sklearn(pipeline, initial_types=types, options=options, target_opset=17)
    return bytes(model.SerializeToString())


def linear(
    weights: Any,
    bias: Any,
    *,
    element: int = TensorProto.FLOAT,
    ending: str = "Softmax",
    rows: int | str = "N",
    named: Sequence[str] = (),
    domain: str = "",
) -> bytes:
    """Return a network of one layer, as PyTorch and others export it: one tensor in, one out.

    Args:
        weights: [features, outputs].
        ending: the operator at its end.
        rows: the first dimension.
        named: an input of its own for each feature.
        domain: of the operator at its end.
    """
    kind = np.float64 if element == TensorProto.DOUBLE else np.float32
    matrix, offset = np.asarray(weights, dtype=kind), np.asarray(bias, dtype=kind)
    inputs = [helper.make_tensor_value_info(name, element, [rows, 1]) for name in named]
    nodes = [helper.make_node("Concat", list(named), ["x"], axis=1)] if named else []
    if not named:
        inputs = [helper.make_tensor_value_info("x", element, [rows, len(matrix)])]
    nodes += [
        helper.make_node("MatMul", ["x", "w"], ["m"]),
        helper.make_node("Add", ["m", "b"], ["s"]),
        helper.make_node(ending, ["s"], ["y"], domain=domain),
    ]
    output = helper.make_tensor_value_info("y", element, [rows, matrix.shape[1]])
    constants = [numpy_helper.from_array(matrix, "w"), numpy_helper.from_array(offset, "b")]
    graph = helper.make_graph(nodes, "outside", inputs, [output], constants)
    opsets = [helper.make_opsetid("", 17), *([helper.make_opsetid(domain, 1)] if domain else [])]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    return bytes(model.SerializeToString())
