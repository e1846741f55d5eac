"""A registered model that leaves features out answers the clients of the champion before it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.outside_models import churn_frame, convert_churn, fit_churn
from support.training import CHURN_KINDS, CHURN_SPEC, churn_table, put_dataset, train

from eventing.catalogue import InferenceLogged, OutsideModel
from eventing.codec import decode, to_binary
from eventing.event import originate
from eventing.store import MemoryStore
from functions.serve_model.settings import Settings
from pipelines import layout
from pipelines.prediction_ids import prediction_ids

TABLE = churn_table(400)
ROWS = 5
TAKEN = ["amount", "calls", "country", "shop"]
ALL = [name for name in CHURN_KINDS if name != "churned"]
DATATYPES = {"number": "FP64", "integer": "INT64", "boolean": "BOOL"}


def columns(names: list[str]) -> dict[str, list[Any]]:
    rows = TABLE.slice(0, ROWS).select(names).to_pydict()
    read: dict[str, list[Any]] = json.loads(json.dumps(rows, default=str))
    return read


@pytest.fixture(scope="module")
def pipeline() -> Any:
    return fit_churn(TABLE)


@pytest.fixture(scope="module")
def settings(pipeline: Any, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    raw, store, folder = convert_churn(pipeline), MemoryStore(), tmp_path_factory.mktemp("registered")
    request = put_dataset(store, [TABLE], CHURN_KINDS, CHURN_SPEC)
    file = store.put(f"s3://models/registered/{hashlib.sha256(raw).hexdigest()}.onnx", raw)
    card = train(store, replace(request, registered=OutsideModel(file=file)), folder)
    assert [name for name, _ in card.features] == TAKEN
    claim = card.files[layout.ONNX]
    (folder / "model.onnx").write_bytes(store.get(claim.uri, claim.sha256))
    return Settings(card.model, card.version, (folder / "model.onnx").as_uri(), claim.sha256)


@pytest.fixture
def served(settings: Settings, start: Callable[..., Any]) -> Any:
    return start(settings).wait_ready()


def test_a_request_with_all_columns_and_one_with_those_it_reads_are_answered_alike(
    served: Any, pipeline: Any
) -> None:
    expected = pipeline.predict_proba(churn_frame(TABLE.slice(0, ROWS)))
    listed = [list(row) for row in zip(*columns(ALL).values(), strict=True)]
    for instances in (_instances(ALL), _instances(TAKEN), listed):
        answer = _post(served, "/v1/models/churn:predict", {"instances": instances})
        np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-5)
    for names in (ALL, TAKEN):
        answer = _post(served, "/v2/models/churn/infer", {"inputs": [_tensor(name) for name in names]})
        found = {output["name"]: output["data"] for output in answer["outputs"]}
        np.testing.assert_allclose(np.reshape(found["probabilities"], (ROWS, 2)), expected, atol=1e-5)
    wrong = json.dumps({"instances": _instances([*TAKEN[1:], "since"])}).encode()
    status, _, text = served.request("POST", "/v1/models/churn:predict", wrong)
    assert (status, b"'amount': got nothing" in text) == (400, True)


@pytest.mark.parametrize("names", [ALL, TAKEN])
def test_as_a_shadow_it_answers_copies_of_the_champions_requests(
    names: list[str], served: Any, settings: Settings, pipeline: Any
) -> None:
    now_ms = 1_790_000_000_000
    batch = {
        "model": settings.model,
        "version": settings.version + 1,
        "ids": prediction_ids(ROWS, now_ms, 0),
        "times_ms": [now_ms] * ROWS,
        "inputs": columns(names),
        "labels": ["no"] * ROWS,
        "latencies_ms": [1.0] * ROWS,
    }
    event = originate(InferenceLogged.type, "/kascade/serve_model", "churn/v2", batch, id_="batch-1")
    headers, body = to_binary(event)
    status, headers, reply = served.request("POST", "/", body, dict(headers))
    assert status == 200, reply
    said = InferenceLogged.model_validate(decode(headers, reply).data)
    expected = pipeline.predict_proba(churn_frame(TABLE.slice(0, ROWS)))
    np.testing.assert_allclose(said.probabilities or [], expected, atol=1e-5)
    assert said.inputs == columns(names)


def _instances(names: list[str]) -> list[dict[str, Any]]:
    return [dict(zip(names, row, strict=True)) for row in zip(*columns(names).values(), strict=True)]


def _tensor(name: str) -> dict[str, Any]:
    datatype = DATATYPES.get(CHURN_KINDS[name], "BYTES")
    return {"name": name, "shape": [ROWS], "datatype": datatype, "data": columns([name])[name]}


def _post(served: Any, path: str, body: dict[str, Any]) -> Any:
    status, _, answer = served.request("POST", path, json.dumps(body).encode())
    assert status == 200, answer
    return json.loads(answer)
