"""From a fitted scikit-learn pipeline to the ONNX graph that serves.

One input `input` float32 [N, width]. Outputs: `label` int64 [N], the position in the metadata's `classes`,
and `probabilities` float32 [N, classes] in their order; or `variable` float32 [N, 1] for regression.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

INPUT = "input"
PROBABILITIES = "probabilities"
VARIABLE = "variable"
METADATA_KEY = "kascade"
OPSET = {"": 17, "ai.onnx.ml": 3}


def convert(pipeline: Any, width: int, *, classifies: bool) -> bytes:
    """Convert a fitted pipeline whose classes are indices; the same pipeline gives the same bytes.

    Args:
        width: how many columns the input has.
        classifies: whether it gives classes, not numbers.
    """
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # skl2onnx speaks to numpy and protobuf in ways they deprecate
        model = convert_sklearn(
            pipeline,
            name="kascade",
            initial_types=[(INPUT, FloatTensorType([None, width]))],
            options={id(pipeline): {"zipmap": False}} if classifies else None,
            target_opset=OPSET,
        )
    return bytes(model.SerializeToString(deterministic=True))


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

    def metadata(self) -> dict[str, Any]:
        """Return what `with_metadata` put into the model. Raises: KeyError when there is nothing."""
        found: dict[str, Any] = json.loads(self._session.get_modelmeta().custom_metadata_map[METADATA_KEY])
        return found

    def score(self, matrix: NDArray[np.float32], batch: int = 8192) -> NDArray[np.float32]:
        """Return probabilities [N, classes], or numbers [N] for regression."""
        blocks = [
            self._session.run(self._wanted, {INPUT: np.ascontiguousarray(matrix[start : start + batch])})[0]
            for start in range(0, len(matrix), batch)
        ]
        scores = np.concatenate(blocks) if blocks else np.zeros((0, 1), dtype=np.float32)
        return scores.reshape(-1) if self._wanted == [VARIABLE] else scores
