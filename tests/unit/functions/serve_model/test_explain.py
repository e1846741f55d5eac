"""Requests to explain: both protocols, classes and numbers, categories and missing values, and the limits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from support import tiny_models

from functions.serve_model.errors import TooLarge, TooMany
from functions.serve_model.explain import WAITING, Explainer
from functions.serve_model.handler import NOTHING
from pipelines.background import MAX_CELLS, MAX_ROWS, from_json, sample, to_json

from .conftest import MIXED, Client

ROW = {"amount": 2.0, "country": "DE", "active": None}
BACKGROUND = np.array([[0.5, 1, 0, 1], [-1, 0, 1, 0], [3, 0, 0, np.nan]], dtype=np.float32)


def with_background(raw: bytes, rows: Any = BACKGROUND) -> bytes:
    model = onnx.load_from_string(raw)
    card = json.loads(model.metadata_props[0].value)
    onnx.helper.set_model_props(model, {"kascade": json.dumps({**card, "background": to_json(rows)})})
    return bytes(model.SerializeToString())


def classes_client(serve: Callable[..., Client]) -> Client:
    return serve(with_background(tiny_models.classifier(MIXED, ["left", "stayed"])))


def test_contributions_and_base_add_up_to_the_probability_of_the_answer(
    serve: Callable[..., Client],
) -> None:
    asked = {"instances": [ROW, {"amount": -9, "country": "IT", "active": False}]}
    served = classes_client(serve)
    reply = served.post("/v1/models/churn:explain", asked)
    predicted = served.post("/v1/models/churn:predict", asked).json
    assert reply.status == 200
    assert reply.json["predictions"] == predicted["predictions"] == ["stayed", "left"]
    assert (reply.json["model_name"], reply.json["model_version"]) == ("churn", "1")
    for place, found in enumerate(reply.json["explanations"]):
        assert found["contributions"].keys() == {"amount", "country", "active"}
        assert found["class"] == predicted["predictions"][place]
        assert found["output"] == pytest.approx(max(predicted["probabilities"][place]))
        assert found["base"] + sum(found["contributions"].values()) == pytest.approx(found["output"])


def test_the_open_inference_protocol_is_answered_alike(serve: Callable[..., Client]) -> None:
    served = classes_client(serve)
    body = {
        "inputs": [
            {"name": "amount", "shape": [1], "datatype": "FP64", "data": [2.0]},
            {"name": "country", "shape": [1], "datatype": "BYTES", "data": ["DE"]},
            {"name": "active", "shape": [1], "datatype": "BOOL", "data": [None]},
        ]
    }
    (expected,) = served.post("/v1/models/churn:explain", {"instances": [ROW]}).json["explanations"]
    for path in ("/v2/models/churn/explain", "/v2/models/churn/versions/1/explain"):
        answer = served.post(path, body).json
        tensors = {each["name"]: each for each in answer["outputs"]}
        assert (answer["model_name"], answer["model_version"]) == ("churn", "1")
        assert tensors["label"]["data"] == ["stayed"]
        assert tensors["output"]["data"] == [expected["output"]]
        assert tensors["base"]["data"] == [expected["base"]]
        assert tensors["contributions"]["shape"] == [1, 3]
        named = dict(zip(tensors["features"]["data"], tensors["contributions"]["data"], strict=True))
        assert named == expected["contributions"]


def test_the_document_of_a_model_that_can_be_explained_says_so_and_its_examples_work(
    serve: Callable[..., Client],
) -> None:
    served = classes_client(serve)
    document = served.get("/openapi.json").json
    OpenAPIV31SpecValidator(document).validate()
    for path in ("/v1/models/churn:explain", "/v2/models/churn/explain"):
        post = document["paths"][path]["post"]
        example = post["requestBody"]["content"]["application/json"]["examples"]["one row"]["value"]
        answer = served.post(path, example)
        assert answer.status == 200, answer.body
        schema = post["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
        Draft202012Validator(document["components"]["schemas"][schema.rpartition("/")[2]]).validate(
            answer.json
        )

    unexplained = serve(tiny_models.classifier(MIXED)).get("/openapi.json").json
    assert not [path for path in unexplained["paths"] if "explain" in path]


def test_a_sum_is_explained_by_the_distance_of_each_number_from_the_background(
    serve: Callable[..., Client],
) -> None:
    background = np.array([[1, 10], [3, 20]], dtype=np.float32)
    raw = tiny_models.regressor(tiny_models.numbers("a", "b"))
    reply = serve(with_background(raw, background)).post("/v1/models/price:explain", {"instances": [[5, 5]]})
    (found,) = reply.json["explanations"]
    assert found["base"] == pytest.approx(17)
    assert found["contributions"] == pytest.approx({"a": 3, "b": -10})
    assert "class" not in found


def test_explanations_are_not_logged(serve: Callable[..., Client]) -> None:
    served = classes_client(serve)
    served.post("/v1/models/churn:explain", {"instances": [ROW]})
    assert served.recorded == []


def test_what_cannot_be_predicted_cannot_be_explained(serve: Callable[..., Client]) -> None:
    served = classes_client(serve)
    assert served.post("/v1/models/churn:explain", {"instances": [{"amount": 1}]}).status == 400
    assert served.post("/v1/models/churn:explain", b"no json").status == 400
    many = {"instances": [ROW] * 101}
    reply = served.post("/v1/models/churn:explain", many)
    assert (reply.status, reply.json["error"]) == (
        413,
        "101 rows in one request: at most 100 are explained at once",
    )
    assert served.get("/v1/models/churn:explain").status == 405


def test_a_model_of_an_earlier_release_says_that_it_has_no_background(serve: Callable[..., Client]) -> None:
    reply = serve(tiny_models.classifier(MIXED)).post("/v1/models/churn:explain", {"instances": [ROW]})
    assert reply.status == 404
    assert "earlier release" in reply.json["error"]


def test_what_takes_too_long_or_waits_behind_others_is_refused(serve: Callable[..., Client]) -> None:
    inference = classes_client(serve).app._inference
    asked = inference.read("v1", json.dumps({"instances": [ROW]}).encode())
    ticks = iter(range(0, 10**6, 11))
    slow = Explainer(inference, monotonic_s=lambda: float(next(ticks)))
    with pytest.raises(TooLarge, match="takes over 10 s"):
        asyncio.run(slow.answer(asked, NOTHING))

    async def crowd() -> list[Any]:
        explainer = Explainer(inference)
        asked_for = [explainer.answer(asked, NOTHING) for _ in range(WAITING + 3)]
        return await asyncio.gather(*asked_for, return_exceptions=True)

    found = asyncio.run(crowd())
    assert [type(each) for each in found[-2:]] == [TooMany, TooMany]
    assert [each.status for each in found[:-2]] == [200] * (WAITING + 1)


def test_a_background_is_read_back_as_it_was_and_stays_small() -> None:
    rng = np.random.default_rng(0)
    for width in (1, 4, MAX_CELLS * 2):
        matrix = rng.normal(size=(3 if width > 4 else 500, width)).astype(np.float32)
        matrix[0, 0] = np.nan
        chosen = sample(matrix, np.arange(len(matrix)), rng)
        assert 1 <= len(chosen) <= MAX_ROWS
        assert chosen.size <= max(MAX_CELLS, width)
        np.testing.assert_array_equal(from_json(json.loads(json.dumps(to_json(chosen))), width), chosen)


def test_a_background_that_is_none_keeps_the_model_from_serving(serve: Callable[..., Client]) -> None:
    with pytest.raises(Exception, match="background cannot be read"):
        serve(with_background(tiny_models.classifier(MIXED), BACKGROUND[:, :2]))
