"""A model whose numbers float32 cannot tell apart answers every form of request with all digits."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.tiny_models import regressor

from functions.serve_model.app import create_app
from functions.serve_model.settings import Settings
from pipelines.encoding import Encoding, Feature
from pipelines.encoding.columns import CentredNumber, Number
from pipelines.encoding.scales import Scale
from pipelines.prediction_ids import IdSource

SECONDS = 1_790_000_000
ENCODING = Encoding(
    (Feature("at", "number", CentredNumber(Scale(SECONDS, 4.0))), Feature("x", "number", Number())),
    Scale(1e9, 2.0),
)
ROWS = [[SECONDS + 1.25, 0.5], [SECONDS - 3, -1.0], [SECONDS + 0.125, 2.0]]
ANSWERS = [1e9 + 2 * ((at - SECONDS) / 4 + x) for at, x in ROWS]


def ask(folder: Path, protocol: str, body: dict[str, Any]) -> dict[str, Any]:
    data = regressor(ENCODING)
    (folder / "model.onnx").write_bytes(data)
    settings = Settings("price", 1, (folder / "model.onnx").as_uri(), hashlib.sha256(data).hexdigest())
    inference, ids = create_app(settings)._inference, IdSource(lambda: 1.0, lambda bits: 0)
    raw = json.dumps(body).encode()
    answer = inference.answer(inference.read(protocol, raw), ids)
    found: dict[str, Any] = json.loads(answer.body)
    return found


@pytest.mark.case("G")
@pytest.mark.parametrize("instances", [ROWS, [dict(zip(("at", "x"), row, strict=True)) for row in ROWS]])
def test_v1_answers_in_the_targets_units(tmp_path: Path, instances: list[Any]) -> None:
    assert ask(tmp_path, "v1", {"instances": instances})["predictions"] == ANSWERS


@pytest.mark.case("G")
@pytest.mark.parametrize("datatype", ["FP32", "FP64"])
@pytest.mark.parametrize("form", ["matrix", "named"])
def test_v2_answers_in_the_targets_units(tmp_path: Path, form: str, datatype: str) -> None:
    columns = np.array(ROWS).T.tolist()
    tensors = [
        {"name": name, "shape": [3], "datatype": datatype, "data": values}
        for name, values in zip(("at", "x"), columns, strict=True)
    ]
    matrix = [{"name": "rows", "shape": [3, 2], "datatype": datatype, "data": ROWS}]
    answer = ask(tmp_path, "v2", {"inputs": matrix if form == "matrix" else tensors})
    output = answer["outputs"][0]
    assert (output["name"], output["datatype"], output["data"]) == ("prediction", "FP64", ANSWERS)
