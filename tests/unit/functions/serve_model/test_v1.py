"""Tests of the v1 protocol, request by request."""

from __future__ import annotations

import json
from typing import Any

import pytest

PREDICT = "/v1/models/churn:predict"


def test_rows_of_values_in_feature_order_are_predicted(churn: Any) -> None:
    reply = churn.post(PREDICT, {"instances": [[1, 2, 3], [-1, 0, None]]})

    assert reply.status == 200
    assert reply.json["predictions"] == [1, 0]
    assert reply.json["model_name"] == "churn"
    assert reply.json["model_version"] == "1"
    assert len(set(reply.json["prediction_ids"])) == 2
    assert [sum(row) for row in reply.json["probabilities"]] == pytest.approx([1, 1])


def test_rows_of_named_values_are_predicted_in_any_order_of_names(mixed: Any) -> None:
    rows = [
        {"amount": -1.5, "country": "DE", "active": True},
        {"active": False, "country": "XX", "amount": 0},
    ]

    reply = mixed.post("/v1/models/mixed:predict", {"instances": rows})

    assert reply.json["predictions"] == ["yes", "no"]


def test_rows_of_mixed_values_come_in_feature_order_too(mixed: Any) -> None:
    reply = mixed.post("/v1/models/mixed:predict", {"instances": [[-1.5, "DE", True], [0, "XX", False]]})

    assert reply.json["predictions"] == ["yes", "no"]


def test_a_regression_predicts_numbers(price: Any) -> None:
    reply = price.post("/v1/models/price:predict", {"instances": [{"area": 0.5, "rooms": 2}]})

    assert reply.json["predictions"] == [2.5]
    assert "probabilities" not in reply.json


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"age=1", "the body is not JSON"),
        ([], "the body must be"),
        ({}, "the body must be"),
        ({"instances": {"age": 1}}, "the body must be"),
        ({"instances": []}, "the request has no rows"),
        ({"instances": [1, 2, 3]}, "must be all lists or all objects"),
        ({"instances": [[1, 2, 3], {"age": 1}]}, "must be all lists or all objects"),
        ({"instances": [[1, 2, 3], [1, 2]]}, "instance 1 has 2 values per row, the model takes 3 features"),
        ({"instances": [[1, 2, "x"]]}, "feature 'visits', row 0: got 'x' (str), expected a number or null"),
        ({"instances": [[1, 2, [3]]]}, "value 2: got [3], expected a number or null"),
        ({"instances": [{"age": 1, "amount": 2, "vists": 3}]}, "did you mean 'visits'?"),
        ({"instances": [{"age": 1, "amount": 2}]}, "feature 'visits': got nothing"),
        ({"instances": [{"age": 1, "amount": 2, "visits": "x"}]}, "feature 'visits', row 0: got 'x' (str)"),
        (
            {"instances": [{"age": 1, "amount": 2, "visits": 3}, {"age": 1, "amount": 2}]},
            "instance 1 does not have the features of instance 0: visits",
        ),
    ],
)
def test_a_bad_request_is_answered_400(churn: Any, body: Any, expected: str) -> None:
    reply = churn.post(PREDICT, body)

    assert reply.status == 400, reply.body
    assert expected in reply.json["error"]


@pytest.mark.case("I", "v1 body with BOM")
def test_a_body_may_begin_with_a_byte_order_mark(churn: Any) -> None:
    body = json.dumps({"instances": [[1, 2, 3]]}).encode()

    assert churn.post(PREDICT, b"\xef\xbb\xbf" + body).json == churn.post(PREDICT, body).json
    assert churn.post(PREDICT, b"\xef\xbb\xbf" * 2 + body).status == 400


@pytest.mark.case("E", "numbers as text")
def test_numbers_as_text_are_read_as_a_file_is(churn: Any) -> None:
    numbers = churn.post(PREDICT, {"instances": [[33.5, None, 88.5]]}).json["probabilities"]

    for rows in ([["33.5", "NA", "88,5"]], [{"age": " 33.5", "amount": "", "visits": 88.5}]):
        assert churn.post(PREDICT, {"instances": rows}).json["probabilities"] == numbers
    refused = churn.post(PREDICT, {"instances": [["1,096", 1, 1]]})
    assert (refused.status, "feature 'age', row 0: got '1,096'" in refused.json["error"]) == (400, True)
