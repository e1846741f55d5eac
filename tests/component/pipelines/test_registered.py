"""A model that was made elsewhere, through the steps of a training, to a version that serves."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from onnx import TensorProto
from support.outside_models import churn_frame, convert_churn, fit_churn, linear
from support.training import CHURN_KINDS, CHURN_SPEC, churn_table, put_dataset, train

from eventing.catalogue import Claim, OutsideModel
from eventing.store import MemoryStore
from functions.serve_model.model import load
from pipelines import layout
from pipelines.card import Card
from pipelines.encoding.columns import Matrix
from pipelines.errors import StepError
from pipelines.request import RunRequest
from pipelines.steps.export import MLSERVER_SETTINGS

TABLE = churn_table(500)


def registered(
    store: MemoryStore, raw: bytes, table: pa.Table, kinds: dict[str, str], spec: str, **given: Any
) -> RunRequest:
    request = put_dataset(store, [table], kinds, spec)
    file = store.put(f"s3://models/registered/{hashlib.sha256(raw).hexdigest()}.onnx", raw)
    offered = replace(request, registered=OutsideModel(file=file, **given))
    assert RunRequest.from_parameters(offered.to_parameters()) == offered
    return offered


def serve(store: MemoryStore, card: Card, columns: dict[str, Any]) -> Any:
    claim = card.files[layout.ONNX]
    model = load(store.get(claim.uri, claim.sha256), card.model, card.version, claim.sha256)
    matrix: Matrix = model.encoding.encode(columns)
    return model.run(matrix)


def test_a_pipeline_of_scikit_learn_becomes_a_version_and_serves_as_it_did_elsewhere(tmp_path: Path) -> None:
    store, pipeline = MemoryStore(), fit_churn(TABLE)
    request = registered(store, convert_churn(pipeline), TABLE, CHURN_KINDS, CHURN_SPEC, origin="churn.onnx")
    card = train(store, request, tmp_path)
    assert [name for name, _ in card.features] == ["amount", "calls", "country", "shop"]
    assert card.evaluation.metrics["roc_auc"] > 0.8
    assert card.model_dump()["registered"]["origin"] == "churn.onnx"
    assert layout.SKOPS not in card.files
    assert {layout.HOLDOUT, layout.REFERENCE} <= card.files.keys()
    settings = card.files[layout.MLSERVER]  # what Seldon's MLServer loads a version by
    assert json.loads(store.get(settings.uri, settings.sha256)) == MLSERVER_SETTINGS
    assert settings.uri.rpartition("/")[0] == card.files[layout.ONNX].uri.rpartition("/")[0]
    rows = TABLE.slice(0, 20).select(["amount", "calls", "country", "shop"])
    answers = serve(store, card, rows.to_pydict())
    wanted = pipeline.predict_proba(churn_frame(TABLE))[:20]
    np.testing.assert_allclose(answers.probabilities, wanted, atol=1e-5)
    assert list(answers.label) == list(pipeline.predict(churn_frame(TABLE))[:20])


def test_a_network_of_one_tensor_of_doubles_becomes_a_version_of_a_regression(tmp_path: Path) -> None:
    seconds = np.arange(1_764_460_800, 1_764_460_800 + 200, dtype=np.int64)
    table = pa.table({"at": seconds, "x": np.arange(200) / 7, "y": seconds * 2.0})
    raw = linear([[2.0], [0.0]], [0.0], element=TensorProto.DOUBLE, ending="Identity")
    kinds = {"at": "integer", "x": "number", "y": "number"}
    store = MemoryStore()
    spec = "model: clock\ntarget: y\ntask: regression\n"
    card = train(store, registered(store, raw, table, kinds, spec), tmp_path)
    assert card.evaluation.metrics["rmse"] < 1e-3
    assert list(serve(store, card, {"at": [1_764_460_823], "x": [0.5]}).prediction) == [3_528_921_646]


@pytest.mark.parametrize(
    ("content", "claimed", "problem"),
    [
        (b"no model", None, "it is no ONNX file"),
        (convert_churn(fit_churn(TABLE)), "0" * 64, "the registered model cannot be read"),
        (linear([[1, 0]] * 3, [0, 0]), None, "should be [N, 7]"),
    ],
)
def test_a_file_that_cannot_be_taken_ends_the_run_with_what_is_wrong(
    content: bytes, claimed: str | None, problem: str, tmp_path: Path
) -> None:
    store = MemoryStore()
    request = registered(store, content, TABLE, CHURN_KINDS, CHURN_SPEC)
    if claimed is not None and request.registered is not None:
        wrong = Claim(uri=request.registered.file.uri, sha256=claimed)
        request = replace(request, registered=OutsideModel(file=wrong))
    with pytest.raises(StepError) as caught:
        train(store, request, tmp_path)
    assert problem in caught.value.problem
    assert caught.value.fix
