"""A bad request is refused in the protocol's form of an error, with the tensor or value named."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import INFER, MIXED_INFER, asked, tensor

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
