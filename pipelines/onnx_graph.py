"""From a fitted scikit-learn pipeline to the ONNX graph that serves.

One input `input` float32 [N, width]. Outputs: `label` (the class itself) and `probabilities` float32
[N, classes] in the order of the classes; or `variable` float32 [N, 1] for regression.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.target import Class

INPUT = "input"
LABEL = "label"
PROBABILITIES = "probabilities"
VARIABLE = "variable"
METADATA_KEY = "kascade"
OPSET = {"": 17, "ai.onnx.ml": 3}
_INDEX = "class_index"


def convert(pipeline: Any, width: int, classes: list[Class] | None) -> bytes:
    """Convert a fitted pipeline whose classes are indices; the same pipeline gives the same bytes.

    Args:
        width: how many columns the input has.
        classes: what the indices stand for; None for regression.
    """
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    model = convert_sklearn(
        pipeline,
        name="kascade",
        initial_types=[(INPUT, FloatTensorType([None, width]))],
        final_types=None,
        options=None if classes is None else {id(pipeline): {"zipmap": False}},
        target_opset=OPSET,
    )
    if classes is not None:
        _name_classes(model, classes)
    return bytes(model.SerializeToString(deterministic=True))


def _name_classes(model: Any, classes: list[Class]) -> None:
    """Put the class itself in place of its index in the output `label`."""
    from onnx import TensorProto, helper

    for node in model.graph.node:
        node.output[:] = [_INDEX if name == LABEL else name for name in node.output]
        node.input[:] = [_INDEX if name == LABEL else name for name in node.input]
    kind, values = _class_tensor(classes, TensorProto)
    model.graph.initializer.append(helper.make_tensor("classes", kind, [len(classes)], values))
    model.graph.node.append(helper.make_node("Gather", ["classes", _INDEX], [LABEL], "name_classes", axis=0))
    for output in model.graph.output:
        if output.name == LABEL:
            output.CopyFrom(helper.make_tensor_value_info(LABEL, kind, [None]))


def _class_tensor(classes: list[Class], types: Any) -> tuple[int, list[Any]]:
    if all(isinstance(value, bool) for value in classes):
        return types.BOOL, list(classes)
    if all(isinstance(value, int) for value in classes):
        return types.INT64, list(classes)
    if all(isinstance(value, int | float) for value in classes):
        return types.DOUBLE, [float(value) for value in classes]
    return types.STRING, [str(value).encode() for value in classes]


def with_metadata(raw: bytes, metadata: Mapping[str, Any]) -> bytes:
    """Return the model with `metadata` as JSON under the key `kascade` of its properties."""
    import onnx

    model = onnx.load_from_string(raw)
    onnx.helper.set_model_props(model, {METADATA_KEY: json.dumps(metadata, sort_keys=True, allow_nan=False)})
    return bytes(model.SerializeToString(deterministic=True))


class Scorer:
    """An ONNX model ready to score batches on one thread per core."""

    def __init__(self, raw: bytes) -> None:
        import onnxruntime

        self._session = onnxruntime.InferenceSession(raw, providers=["CPUExecutionProvider"])
        names = [output.name for output in self._session.get_outputs()]
        self._wanted = [PROBABILITIES if PROBABILITIES in names else VARIABLE]

    def score(self, matrix: NDArray[np.float32], batch: int = 8192) -> NDArray[np.float32]:
        """Return probabilities [N, classes], or numbers [N] for regression."""
        blocks = [
            self._session.run(self._wanted, {INPUT: np.ascontiguousarray(matrix[start : start + batch])})[0]
            for start in range(0, len(matrix), batch)
        ]
        scores = np.concatenate(blocks) if blocks else np.zeros((0, 1), dtype=np.float32)
        return scores.reshape(-1) if self._wanted == [VARIABLE] else scores
