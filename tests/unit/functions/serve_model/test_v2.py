"""Tests of the Open Inference Protocol v2, request by request."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support import tiny_models

INFER = "/v2/models/churn/infer"
MIXED_INFER = "/v2/models/mixed/infer"


def tensor(data: Any, shape: list[int], datatype: str = "FP32", name: str = "input") -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


def asked(*inputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"inputs": list(inputs), **more}


def outputs(reply: Any) -> dict[str, Any]:
    assert reply.status == 200, reply.body
    return {entry["name"]: entry for entry in reply.json["outputs"]}


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


BAD = {
    "not JSON": (b"{", "the body is not JSON"),
    "NaN is not JSON": (b'{"inputs": [NaN]}', "the body is not JSON"),
    "a number too large for JSON": (b'{"inputs": [1e999]}', "the body is not JSON"),
    "not UTF-8": (b'{"inputs": "\xff"}', "the body is not JSON"),
    "no object": ([], "must be a JSON object"),
    "no inputs": ({}, "'inputs' is missing"),
    "inputs of no list": ({"inputs": {}}, "'inputs' is missing"),
    "empty inputs": ({"inputs": []}, "'inputs' is missing"),
    "an input of no object": ({"inputs": [1]}, "each input is an object"),
    "no datatype": ({"inputs": [{"name": "x", "shape": [1, 3]}]}, "datatype None is none of BOOL"),
    "unknown datatype": (asked(tensor([1, 2, 3], [1, 3], "FLOAT")), "datatype 'FLOAT' is none of"),
    "no data": ({"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32"}]}, "'data' is missing"),
    "no shape": (asked({"name": "x", "datatype": "FP32", "data": []}), "'shape' must be a list"),
    "negative shape": (asked(tensor([1, 2, 3], [-1, 3])), "'shape' must be a list of whole numbers"),
    "boolean shape": (asked(tensor([1, 2, 3], [True, 3])), "'shape' must be a list of whole numbers"),
    "too few values": (asked(tensor([1, 2], [1, 3])), "shape [1, 3] needs 3 values, got 2 values"),
    "data of no list": (asked(tensor("abc", [1, 3])), "needs 3 values, got 'abc'"),
    "ragged": (asked(tensor([[1, 2, 3], [4, 5]], [2, 3])), "nested lists do not have shape [2, 3]"),
    "too deep": (asked(tensor([[[1], [2], [3]]], [1, 3])), "nested deeper than shape [1, 3]"),
    "wrong width": (
        asked(tensor([1, 2], [1, 2])),
        "2 values per row, the model takes 3 features: age, amount",
    ),
    "text among numbers": (asked(tensor([1, "2", 3], [1, 3])), "value 1: got '2', expected a number or null"),
    "text matrix": (asked(tensor(["1", "two", "3"], [1, 3], "BYTES")), "'amount', row 0: got 'two'"),
    "no rows": (asked(tensor([], [0, 3])), "the request has no rows"),
    "id of no string": (asked(tensor([1, 2, 3], [1, 3]), id=5), "'id' must be a string"),
    "parameters of no object": (asked(tensor([1, 2, 3], [1, 3]), parameters=5), "'parameters' must be"),
    "outputs of no list": (asked(tensor([1, 2, 3], [1, 3]), outputs=5), "'outputs' must be a list"),
    "unknown output": (
        asked(tensor([1, 2, 3], [1, 3]), outputs=[{"name": "probability"}]),
        "output 'probability' is unknown: did you mean 'probabilities'?",
    ),
    "classification extension": (
        asked(tensor([1, 2, 3], [1, 3]), outputs=[{"name": "label", "parameters": {"classification": 2}}]),
        "the classification extension is not offered",
    ),
    "unknown feature": (
        asked(tensor([1], [1], name="age"), tensor([1], [1], name="amuont"), tensor([1], [1], name="visits")),
        "did you mean 'amount'?",
    ),
    "missing feature": (
        asked(tensor([1], [1], name="age"), tensor([1], [1], name="amount")),
        "feature 'visits': got nothing, expected a value of kind number",
    ),
    "a feature twice": (asked(tensor([1], [1], name="age"), tensor([1], [1], name="age")), "is given twice"),
    "a feature of two columns": (
        asked(tensor([1, 2], [1, 2], name="age"), tensor([1], [1], name="amount")),
        "one feature has shape [N] or [N, 1]",
    ),
    "unequal rows": (
        asked(
            tensor([1, 2], [2], name="age"), tensor([1], [1], name="amount"), tensor([1], [1], name="visits")
        ),
        "feature 'age': got 2 values, expected 1 values",
    ),
    "binary without its length": (
        asked({"name": "x", "shape": [1, 3], "datatype": "FP32", "parameters": {"binary_data_size": 12}}),
        "binary_data_size is 12, 0 bytes are left in the body",
    ),
}


@pytest.mark.parametrize(("body", "expected"), BAD.values(), ids=BAD.keys())
def test_a_bad_request_is_answered_400_in_the_protocols_error_form(
    churn: Any, body: Any, expected: str
) -> None:
    reply = churn.post(INFER, body)

    assert reply.status == 400, reply.body
    assert list(reply.json) == ["error"]
    assert expected in reply.json["error"]
    assert churn.recorded == []


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (tensor(["1"], [1], "FP32", "amount"), "input 'amount', value 0: got '1', expected FP32"),
        (tensor([1], [1], "BYTES", "amount"), "input 'amount', value 0: got 1, expected BYTES"),
        (tensor(["x"], [1], "BYTES", "amount"), "feature 'amount', row 0: got 'x' (str), expected a number"),
    ],
)
def test_a_value_of_another_type_than_its_tensors_or_features_is_named(
    mixed: Any, column: dict[str, Any], expected: str
) -> None:
    country, active = tensor(["DE"], [1], "BYTES", "country"), tensor([True], [1], "BOOL", "active")

    reply = mixed.post(MIXED_INFER, asked(column, country, active))

    assert reply.status == 400
    assert expected in reply.json["error"]


def test_a_matrix_for_a_model_with_categories_says_which_features_need_names(mixed: Any) -> None:
    reply = mixed.post(MIXED_INFER, asked(tensor([1, 2, 3], [1, 3])))

    assert reply.status == 400
    assert (
        "feature 'country': got a column of a matrix, expected a named list (category)" in reply.json["error"]
    )


def binary(document: dict[str, Any], *blocks: bytes) -> tuple[bytes, dict[str, str]]:
    head = json.dumps(document).encode()
    return b"".join((head, *blocks)), {"Inference-Header-Content-Length": str(len(head))}


def test_binary_tensors_are_read_and_answered_in_binary(churn: Any) -> None:
    block = struct.pack("<6f", 1, 2, 3, 0, 0, float("nan"))
    entry = {"name": "x", "shape": [2, 3], "datatype": "FP32", "parameters": {"binary_data_size": len(block)}}
    body, headers = binary(asked(entry, parameters={"binary_data_output": True}), block)

    reply = churn.post(INFER, body, headers)

    assert reply.status == 200, reply.body
    assert reply.headers["content-type"] == "application/octet-stream"
    length = int(reply.headers["inference-header-content-length"])
    document, tail = json.loads(reply.body[:length]), reply.body[length:]
    sizes = [entry["parameters"]["binary_data_size"] for entry in document["outputs"]]
    assert sizes == [16, 16, 80]
    assert sum(sizes) == len(tail)
    assert struct.unpack("<2q", tail[:16]) == (1, 1)
    assert tail[32:36] == (36).to_bytes(4, "little")


def test_binary_text_and_json_tensors_mix_in_one_request(mixed: Any) -> None:
    words = b"".join(len(w).to_bytes(4, "little") + w for w in (b"DE", "Köln".encode()))
    country = {"name": "country", "shape": [2], "datatype": "BYTES"}
    body, headers = binary(
        asked(
            tensor([-1.5, 0], [2], "FP64", "amount"),
            {**country, "parameters": {"binary_data_size": len(words)}},
            {"name": "active", "shape": [2], "datatype": "BOOL", "parameters": {"binary_data_size": 2}},
        ),
        words,
        b"\x01\x00",
    )

    assert outputs(mixed.post(MIXED_INFER, body, headers))["label"]["data"] == ["yes", "no"]


def size(count: int) -> dict[str, Any]:
    return {
        "name": "x",
        "shape": [1, 3],
        "datatype": "FP32",
        "parameters": {"binary_data_size": count},
    }


@pytest.mark.parametrize(
    ("document", "blocks", "expected"),
    [
        (asked(size(8)), b"12345678", "FP32 [1, 3] needs 12 bytes, got 8"),
        (asked(size(12)), b"0123456789abcdef", "4 bytes follow the last binary tensor"),
        (asked(size(99)), b"0123", "binary_data_size is 99, 4 bytes are left"),
        (asked({**size(4), "data": [1, 2, 3]}), b"0123", "either 'data' or 'binary_data_size'"),
        (asked({**size(4), "datatype": "BYTES"}), b"\xff\xff\xff\xff", "expected 3 strings"),
        (asked({**size(5), "datatype": "BYTES"}), b"\x01\x00\x00\x00\xff", "not UTF-8"),
    ],
)
def test_a_bad_binary_body_is_refused(churn: Any, document: Any, blocks: bytes, expected: str) -> None:
    body, headers = binary(document, blocks)

    reply = churn.post(INFER, body, headers)

    assert reply.status == 400
    assert expected in reply.json["error"]


@pytest.mark.parametrize("length", ["0", "9999", "-1", "x"])
def test_a_bad_header_length_is_refused(churn: Any, length: str) -> None:
    reply = churn.post(INFER, asked(tensor([1, 2, 3], [1, 3])), {"Inference-Header-Content-Length": length})

    assert reply.status == 400
    assert "Inference-Header-Content-Length" in reply.json["error"]


def test_a_prediction_is_handed_on_once_it_is_made(churn: Any) -> None:
    reply = churn.post(INFER, asked(tensor([1, 2, 3, 0, 0, 0], [2, 3])))

    (prediction,) = churn.recorded
    assert prediction.ids == outputs(reply)["prediction_id"]["data"]
    assert prediction.outputs.label.tolist() == [1, 0]
    assert prediction.inputs.tolist() == [[1, 2, 3], [0, 0, 0]]


@pytest.mark.case("I", "v2 UINT8 with 300 or -1, INT64 with 0.5")
@pytest.mark.parametrize("matrix", [False, True])
@pytest.mark.parametrize(
    ("datatype", "value"),
    [
        ("UINT8", 300),
        ("UINT8", -1),
        ("INT8", 128),
        ("UINT64", -1),
        ("UINT64", 2**64 - 2**11),
        ("INT64", 0.5),
        ("INT32", 1e10),
        ("BOOL", 2),
        ("BOOL", 0.5),
        ("INT64", "1"),
    ],
)
def test_values_beyond_their_datatype_are_refused(
    churn: Any, datatype: str, value: Any, matrix: bool
) -> None:
    three = [
        tensor([1, value, 1], [1, 3], datatype)
        if matrix
        else tensor([value if name == "amount" else 1], [1], datatype if name == "amount" else "FP32", name)
        for name in ("age", "amount", "visits")
    ]
    reply = churn.post(INFER, {"inputs": three[:1] if matrix else three})
    if (datatype, value) == ("UINT64", 2**64 - 2**11):
        assert reply.status == 200, reply.body
    else:
        assert reply.status == 400, reply.body
        assert f"expected {datatype}" in reply.json["error"]


@pytest.mark.case("I", "v1 body with BOM")
@pytest.mark.case("E", "numbers as text")
def test_a_matrix_of_texts_is_read_as_a_file_is(churn: Any) -> None:
    numbers = churn.post(INFER, asked(tensor([33.5, None, 3], [1, 3])))
    texts = churn.post(
        INFER, b"\xef\xbb\xbf" + json.dumps(asked(tensor(["33.5", "", "3"], [1, 3], "BYTES"))).encode()
    )

    assert (texts.status, texts.json["outputs"][:2]) == (200, numbers.json["outputs"][:2])
