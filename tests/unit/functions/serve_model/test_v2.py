"""Tests of the Open Inference Protocol v2, request by request."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support import tiny_models

from .conftest import INFER, MIXED_INFER, asked, outputs, tensor


@pytest.mark.parametrize("datatype", ["FP32", "FP64", "FP16", "INT64", "INT32", "INT8", "UINT8"])
def test_a_matrix_in_feature_order_is_answered_row_by_row(churn: Any, datatype: str) -> None:
    reply = churn.post(INFER, asked(tensor([1, 2, 3, 0, 0, 0], [2, 3], datatype)))

    found = outputs(reply)
    assert found["label"] == {"name": "label", "datatype": "INT64", "shape": [2], "data": [1, 0]}
    assert found["probabilities"]["shape"] == [2, 2]
    assert found["probabilities"]["data"] == pytest.approx(
        [1 / (1 + np.exp(6)), 1 / (1 + np.exp(-6)), 0.5, 0.5], rel=1e-4
    )


def test_nested_data_equals_flat_data(churn: Any) -> None:
    nested = churn.post(INFER, asked(tensor([[1, 2, 3], [-4, 0, 0.5]], [2, 3])))
    flat = churn.post(INFER, asked(tensor([1, 2, 3, -4, 0, 0.5], [2, 3])))

    assert nested.body == flat.body


@pytest.mark.parametrize("shape", [[2], [2, 1]])
def test_a_tensor_per_feature_is_taken_in_any_order(churn: Any, shape: list[int]) -> None:
    def column(name: str, values: list[Any]) -> dict[str, Any]:
        return tensor(values if shape == [2] else [[v] for v in values], shape, "FP64", name)

    named = churn.post(
        INFER, asked(column("visits", [3, 0.5]), column("age", [1, -4]), column("amount", [2, 0]))
    )
    matrix = churn.post(INFER, asked(tensor([1, 2, 3, -4, 0, 0.5], [2, 3])))

    assert named.json == matrix.json


def test_categories_and_booleans_come_as_named_tensors(mixed: Any) -> None:
    reply = mixed.post(
        MIXED_INFER,
        asked(
            tensor([-1.5, -1.5, 0], [3], "FP32", "amount"),
            tensor(["DE", "IT", None], [3], "BYTES", "country"),
            tensor([True, False, True], [3], "BOOL", "active"),
        ),
    )

    assert outputs(reply)["label"] == {
        "name": "label",
        "datatype": "BYTES",
        "shape": [3],
        "data": ["yes", "no", "yes"],
    }
    assert reply.json["model_version"] == "7"


def test_a_missing_value_is_imputed_as_the_model_learnt_it(churn: Any) -> None:
    missing = churn.post(INFER, asked(tensor([None, -3, 1.5], [1, 3])))
    imputed = churn.post(INFER, asked(tensor([1, -3, 1.5], [1, 3])))

    assert outputs(missing)["probabilities"] == outputs(imputed)["probabilities"]


def test_each_row_gets_its_own_prediction_id(churn: Any) -> None:
    ids = outputs(churn.post(INFER, asked(tensor([0] * 9, [3, 3]))))["prediction_id"]

    assert ids["datatype"] == "BYTES"
    assert ids["shape"] == [3]
    assert len(set(ids["data"])) == 3


def test_the_request_id_is_echoed(churn: Any) -> None:
    reply = churn.post(INFER, asked(tensor([0, 0, 0], [1, 3]), id="mine"))

    assert reply.json["id"] == "mine"
    assert "id" not in churn.post(INFER, asked(tensor([0, 0, 0], [1, 3]))).json


def test_only_the_requested_outputs_come_back_and_the_ids_move_to_the_parameters(churn: Any) -> None:
    reply = churn.post(INFER, asked(tensor([0] * 6, [2, 3]), outputs=[{"name": "probabilities"}]))

    assert list(outputs(reply)) == ["probabilities"]
    assert len(reply.json["parameters"]["prediction_ids"].split(",")) == 2


def test_prediction_ids_can_be_requested_by_name(churn: Any) -> None:
    wanted = [{"name": "prediction_id"}, {"name": "label"}]
    reply = churn.post(INFER, asked(tensor([0] * 6, [2, 3]), outputs=wanted))

    assert list(outputs(reply)) == ["prediction_id", "label"]
    assert reply.json["parameters"] == {"model_version": "1"}


def test_a_regression_gives_predictions(price: Any) -> None:
    reply = price.post("/v2/models/price/versions/1/infer", asked(tensor([[3, 0.5]], [1, 2])))

    assert outputs(reply)["prediction"] == {
        "name": "prediction",
        "datatype": "FP32",
        "shape": [1],
        "data": [3.5],
    }


def test_a_single_feature_is_taken_by_name_and_by_position(serve: Callable[..., Any]) -> None:
    client = serve(tiny_models.regressor(tiny_models.numbers("area")))

    for name in ("area", "input"):
        reply = client.post("/v2/models/price/infer", asked(tensor([2, 3], [2, 1], "INT64", name)))
        assert outputs(reply)["prediction"]["data"] == [2.0, 3.0]


@pytest.mark.parametrize(
    ("classes", "datatype", "first", "second"),
    [
        ((3, 9), "INT64", 3, 9),
        ((False, True), "BOOL", False, True),
        ((0.5, 1.5), "FP64", 0.5, 1.5),
        (("a", "b"), "BYTES", "a", "b"),
    ],
)
def test_labels_are_the_classes_of_the_data(
    serve: Callable[..., Any], classes: tuple[Any, Any], datatype: str, first: Any, second: Any
) -> None:
    client = serve(tiny_models.classifier(tiny_models.numbers("a", "b"), classes))

    label = outputs(client.post(INFER, asked(tensor([-1, 0, 1, 0], [2, 2]))))["label"]

    assert label["datatype"] == datatype
    assert label["data"] == [first, second]


def test_what_overflows_to_no_number_is_refused_and_not_answered_with_null(serve: Callable[..., Any]) -> None:
    client = serve(tiny_models.regressor(tiny_models.numbers("rooms", "area"), imputes=False))

    reply = client.post("/v2/models/price/infer", asked(tensor([1, 2, 3, None], [2, 2])))

    assert reply.status == 400
    assert reply.json["error"].startswith("row 1: the model's answer is no number")


def test_a_prediction_is_handed_on_once_it_is_made(churn: Any) -> None:
    reply = churn.post(INFER, asked(tensor([1, 2, 3, 0, 0, 0], [2, 3])))

    (prediction,) = churn.recorded
    assert prediction.ids == outputs(reply)["prediction_id"]["data"]
    assert prediction.outputs.label.tolist() == [1, 0]
    assert prediction.inputs.tolist() == [[1, 2, 3], [0, 0, 0]]


@pytest.mark.case("I", "v1 body with BOM")
@pytest.mark.case("E", "numbers as text")
def test_a_matrix_of_texts_is_read_as_a_file_is(churn: Any) -> None:
    numbers = churn.post(INFER, asked(tensor([33.5, None, 3], [1, 3])))
    texts = churn.post(
        INFER, b"\xef\xbb\xbf" + json.dumps(asked(tensor(["33.5", "", "3"], [1, 3], "BYTES"))).encode()
    )

    assert (texts.status, texts.json["outputs"][:2]) == (200, numbers.json["outputs"][:2])
