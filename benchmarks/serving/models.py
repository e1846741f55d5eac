"""The two models of the comparison: scaler + logistic regression, and 200 trees; 30 features, two classes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType

from benchmarks.serving.peers.estimators import FEATURES, fit, unfitted
from pipelines.encoding import Encoding, Feature
from pipelines.encoding.columns import Number
from pipelines.model_file import INPUT

NAMES = ("lr", "rf")


@dataclass(frozen=True)
class ServedModel:
    """A model.onnx on disk and its digest."""

    name: str
    path: Path
    sha256: str

    @property
    def env(self) -> dict[str, str]:
        """What serve_model is told to serve it."""
        return {
            "MODEL_NAME": self.name,
            "MODEL_VERSION": "1",
            "MODEL_URI": self.path.as_uri(),
            "MODEL_SHA256": self.sha256,
        }


def export(name: str, folder: Path) -> ServedModel:
    """Fit a model as the peers do, and write it as our pipeline would."""
    model = to_onnx(
        fit(unfitted(name)),
        initial_types=[(INPUT, FloatTensorType([None, FEATURES]))],
        options={"zipmap": False},
        target_opset={"": 17, "ai.onnx.ml": 3},
    )
    encoding = Encoding(tuple(Feature(f"f{i}", "number", Number()) for i in range(FEATURES)))
    card = {"model": name, "version": 1, "task": "classification", "target": "y", "classes": [0, 1]}
    helper.set_model_props(model, {"kascade": json.dumps({**card, "encoding": encoding.to_json()})})
    assert isinstance(model, onnx.ModelProto)
    data = model.SerializeToString()
    path = folder / f"{name}.onnx"
    path.write_bytes(data)
    return ServedModel(name, path, hashlib.sha256(data).hexdigest())


def request_body(rows: int) -> bytes:
    """Return a v2 request of `rows` rows, the same for every server."""
    values = np.random.default_rng(rows).normal(size=rows * FEATURES).round(4).tolist()
    tensor = {"name": "input", "shape": [rows, FEATURES], "datatype": "FP32", "data": values}
    return json.dumps({"inputs": [tensor]}).encode()
