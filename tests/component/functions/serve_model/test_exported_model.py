"""A model as the pipeline exports it is served with the numbers that the pipeline judged it by."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline

from functions.serve_model.app import create_app
from functions.serve_model.settings import Settings
from pipelines.encoding import Encoding, Feature
from pipelines.encoding.categories import OneHot, TargetMean
from pipelines.encoding.columns import Boolean, Number
from pipelines.encoding.times import Datetime
from pipelines.encoding.words import HashedText
from pipelines.onnx_graph import Scorer, convert, with_metadata
from pipelines.prediction_ids import IdSource

ROWS = 300
CLASSES = ["left", "stayed", "unsure"]
ENCODING = Encoding(
    (
        Feature("amount", "number", Number()),
        Feature("active", "boolean", Boolean()),
        Feature("country", "category", OneHot(("DE", "FR"), missing=True)),
        Feature("city", "category", TargetMean({"Köln": (0.2, 0.4), "Lyon": (0.7, 0.1)}, None, (0.3, 0.3))),
        Feature("seen_at", "datetime", Datetime(("hour", "weekday"))),
        Feature("note", "text", HashedText(8)),
    )
)


def columns() -> dict[str, list[Any]]:
    random = np.random.default_rng(3)

    def pick(*values: Any) -> list[Any]:
        return [values[i] for i in random.integers(0, len(values), ROWS)]

    return {
        "amount": [None if value > 2 else float(value) for value in random.normal(size=ROWS)],
        "active": pick(True, False, None),
        "country": pick("DE", "FR", "IT", None),
        "city": pick("Köln", "Lyon", "Rome"),
        "seen_at": [f"2026-03-{day:02d}T{day % 24:02d}:30:00Z" for day in random.integers(1, 29, ROWS)],
        "note": pick("late payment", "happy customer", "", None),
    }


@pytest.fixture(scope="module")
def exported() -> bytes:
    matrix = ENCODING.encode(columns())
    filled = np.nan_to_num(matrix)
    target = (filled[:, 0] > 0).astype(int) + (filled[:, 1] > 0)
    forest = RandomForestClassifier(20, random_state=0)
    model = make_pipeline(SimpleImputer(strategy="median"), forest).fit(matrix, target)
    card = {"model": "churn", "version": 4, "task": "classification", "target": "fate", "classes": CLASSES}
    raw = convert(model, ENCODING.width, classifies=True)
    return with_metadata(raw, {**card, "encoding": ENCODING.to_json()})


@pytest.mark.parametrize("protocol", ["v1 named", "v1 listed", "v2"])
def test_served_predictions_equal_the_pipelines(tmp_path: Path, exported: bytes, protocol: str) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(exported)
    digest = hashlib.sha256(exported).hexdigest()
    inference = create_app(Settings("churn", 4, path.as_uri(), digest))._inference
    given = columns()
    expected = Scorer(exported).score(ENCODING.encode(given))

    ids = IdSource(lambda: 1.0, lambda bits: 0)
    if protocol == "v2":
        body = {"inputs": [_tensor(name, values) for name, values in given.items()]}
        answer = json.loads(inference.answer(inference.read("v2", json.dumps(body).encode()), ids).body)
        found = {entry["name"]: entry["data"] for entry in answer["outputs"]}
        labels, probabilities = found["label"], np.reshape(found["probabilities"], (ROWS, -1))
    else:
        rows = [list(row) for row in zip(*given.values(), strict=True)]
        instances = rows if protocol == "v1 listed" else [dict(zip(given, row, strict=True)) for row in rows]
        asked = inference.read("v1", json.dumps({"instances": instances}).encode())
        answer = json.loads(inference.answer(asked, ids).body)
        labels, probabilities = answer["predictions"], np.array(answer["probabilities"])

    np.testing.assert_allclose(probabilities, expected, atol=1e-6)
    assert labels == [CLASSES[index] for index in expected.argmax(axis=1)]
    assert len(set(labels)) == 3


def _tensor(name: str, values: list[Any]) -> dict[str, Any]:
    datatype = {"amount": "FP64", "active": "BOOL"}.get(name, "BYTES")
    return {"name": name, "shape": [ROWS], "datatype": datatype, "data": values}
