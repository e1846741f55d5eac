"""Whose label is asked for at random, as the answers and the log say it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
from support import tiny_models

from eventing.catalogue import InferenceLogged
from functions.inferences.log import table_of
from functions.serve_model import v1, v2
from functions.serve_model.batching import cut, side_by_side
from functions.serve_model.logic import Prediction
from functions.serve_model.model import Model, Outputs, load
from pipelines.label_requests import is_asked
from pipelines.prediction_ids import prediction_ids

IDS = prediction_ids(40, 1_790_000_000_000, 7)
ASKED = [is_asked(each, 0.5) for each in IDS]


def churn(share: float) -> Model:
    loaded = load(tiny_models.classifier(tiny_models.numbers("age", "amount")), "churn", 1, "0" * 64)
    return replace(loaded, randomised=share)


def predicted() -> Prediction:
    outputs = Outputs(np.array([1] * 40), np.full((40, 2), 0.5, dtype=np.float32))
    return Prediction(IDS, np.zeros((40, 2)), outputs)


def test_v1_says_it_of_each_row() -> None:
    assert json.loads(v1.write(churn(0.5), predicted()))["label_asked"] == ASKED
    assert "label_asked" not in json.loads(v1.write(churn(0.0), predicted()))


def test_v2_names_the_ids() -> None:
    body, _ = v2.write(churn(0.5), v2.Query(np.zeros((40, 2)), 40), predicted())
    wanted = [each for each, is_one in zip(IDS, ASKED, strict=True) if is_one]
    assert json.loads(body)["parameters"]["label_asked"].split(",") == wanted

    body, _ = v2.write(churn(0.0), v2.Query(np.zeros((40, 2)), 40), predicted())
    assert "label_asked" not in json.loads(body)["parameters"]


def test_the_log_says_it_of_each_row() -> None:
    def logged(share: float) -> InferenceLogged:
        columns = side_by_side(churn(share), [(predicted(), 0.001, 100)])
        ((body, _),) = cut(columns, 0, max_rows=100, max_bytes=1 << 20)
        return InferenceLogged.model_validate_json(body)

    assert table_of(logged(0.5)).column("label_asked").to_pylist() == ASKED
    assert table_of(logged(0.0)).column("label_asked").to_pylist() == [None] * 40
