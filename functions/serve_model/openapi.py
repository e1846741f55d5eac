"""The model's OpenAPI 3.1 document, made from what it takes and gives. Pure."""

from __future__ import annotations

from typing import Any

from functions.serve_model.model import Model, OutputSpec
from functions.serve_model.row_schema import MAX_VALUES, example_row, row_schema, tensors_of

MAX_EXPLAINED = 100
"""Rows of one request that are explained."""
_OUTPUT_TYPES = {"INT64": "integer", "FP32": "number", "FP64": "number", "BOOL": "boolean", "BYTES": "string"}

_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "string", "description": "what is wrong, and what is expected"}},
}


def document_of(model: Model, max_rows: int, *, guarded: bool = False) -> dict[str, Any]:
    """Return the OpenAPI document of one model.

    Args:
        max_rows: how many rows a request may have.
        guarded: a prediction asks for a token.
    """
    v1, v2 = f"/v1/models/{model.name}", f"/v2/models/{model.name}"
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": f"{model.name} v{model.version}",
            "version": str(model.version),
            "description": described(model),
        },
        "servers": [{"url": "."}],
        "paths": {
            f"{v1}:predict": {"post": _predict(model, guarded)},
            f"{v2}/infer": {"post": _infer(model, guarded)},
            **_explain(model, guarded),
            v1: {"get": _get("Say that the model is there.", "v1Model", {"type": "object"})},
            v2: {"get": _get("Describe the model's tensors.", "v2Model", {"type": "object"})},
            "/v2/health/ready": {"get": _get("Say that the model can answer.", "ready", {"type": "object"})},
        },
        "components": {
            "schemas": {
                "Row": row_schema(model),
                "PredictRequest": {
                    "type": "object",
                    "required": ["instances"],
                    "properties": {
                        "instances": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": max_rows,
                            "description": "rows, all with the same features",
                            "items": {"$ref": "#/components/schemas/Row"},
                        }
                    },
                },
                "PredictResponse": _predict_response(model),
                "InferRequest": _infer_request(),
                "InferResponse": _infer_response(),
                **({"ExplainResponse": _explain_response()} if model.background is not None else {}),
                "Error": _ERROR,
            }
        },
    }
    if guarded:
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return document


def described(model: Model) -> str:
    """Say in a sentence what the model predicts."""
    target = model.properties.get("target")
    task = model.properties.get("task", "prediction")
    return f"A {task} of {target}." if target else f"A {task}."


def _predict(model: Model, guarded: bool) -> dict[str, Any]:
    return _post(
        "Predict, a list of rows in, a list of predictions out.",
        "predict",
        "PredictRequest",
        "PredictResponse",
        {"instances": [example_row(model)]},
        guarded,
        by_entity=model.plan is not None,
    )


def _infer(model: Model, guarded: bool) -> dict[str, Any]:
    return _post(
        "Predict by the Open Inference Protocol, a tensor for each feature.",
        "infer",
        "InferRequest",
        "InferResponse",
        tensors_of(model),
        guarded,
        by_entity=model.plan is not None,
    )


def _explain(model: Model, guarded: bool) -> dict[str, Any]:
    """Return the paths that explain; none of a version that was trained without a background."""
    if model.background is None:
        return {}
    says = "Say what each feature added to the answer"
    by_entity = model.plan is not None
    v1 = _post(
        f"{says}, of at most {MAX_EXPLAINED} rows.",
        "explain",
        "PredictRequest",
        "ExplainResponse",
        {"instances": [example_row(model)]},
        guarded,
        by_entity=by_entity,
    )
    v2 = _post(
        f"{says}, in tensors: `contributions` has a column for each of `features`.",
        "explainTensors",
        "InferRequest",
        "InferResponse",
        tensors_of(model),
        guarded,
        by_entity=by_entity,
    )
    for each in (v1, v2):
        each["responses"]["200"]["description"] = "The answers, and what each feature added to them."
        each["responses"]["413"] = _refused("There are too many rows, or they take too long.")
        each["responses"]["429"] = _refused("Others wait to be explained already.")
    return {
        f"/v1/models/{model.name}:explain": {"post": v1},
        f"/v2/models/{model.name}/explain": {"post": v2},
    }


def _explain_response() -> dict[str, Any]:
    number = {"type": "number"}
    explanation = {
        "type": "object",
        "required": ["output", "base", "contributions"],
        "properties": {
            "class": {"description": "the class that is answered, whose probability `output` is"},
            "output": number,
            "base": {**number, "description": "the mean of `output` over rows of the training data"},
            "contributions": {
                "type": "object",
                "additionalProperties": number,
                "description": "by feature; they add up to `output` less `base`",
            },
        },
    }
    return {
        "type": "object",
        "required": ["predictions", "explanations", "model_name", "model_version"],
        "properties": {
            "predictions": {"type": "array"},
            "explanations": {"type": "array", "items": explanation},
            "model_name": {"type": "string"},
            "model_version": {"type": "string"},
        },
    }


def _post(
    says: str, name: str, request: str, response: str, example: Any, guarded: bool, *, by_entity: bool
) -> dict[str, Any]:
    answers = {
        "200": {
            "description": "The predictions, each with its id.",
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{response}"}}},
        },
        "400": _refused("The request is wrong; the answer says where."),
        "413": _refused("The body is larger than is read."),
        "415": _refused("The body is compressed, or no JSON."),
        "500": _refused("The server failed; its log says more."),
    }
    if by_entity:
        answers |= {
            "422": _refused("A feature of an entity is not known, and the model asks for it."),
            "503": _refused("The feature store does not answer, and the model asks for it."),
        }
    if guarded:
        answers |= {
            "401": _refused("A token is asked for."),
            "403": _refused("The token is for other models."),
        }
    return {
        "operationId": name,
        "summary": says,
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": f"#/components/schemas/{request}"},
                    "examples": {"one row": {"value": example}},
                }
            },
        },
        "responses": answers,
        **({"security": [{"token": []}]} if guarded else {}),
    }


def _get(says: str, name: str, schema: dict[str, Any]) -> dict[str, Any]:
    answer = {"description": says, "content": {"application/json": {"schema": schema}}}
    return {"operationId": name, "summary": says, "responses": {"200": answer}}


def _refused(says: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Error"}
    return {"description": says, "content": {"application/json": {"schema": schema}}}


def _predict_response(model: Model) -> dict[str, Any]:
    main = next(each for each in model.outputs if each.name != "probabilities")
    properties: dict[str, Any] = {
        "predictions": {"type": "array", "items": _value(main, model)},
        "prediction_ids": {
            "type": "array",
            "items": {"type": "string"},
            "description": "under these the labels are given later",
        },
        "model_name": {"type": "string"},
        "model_version": {"type": "string"},
    }
    if any(each.name == "probabilities" for each in model.outputs):
        shares = {"type": "array", "items": {"type": "number"}}
        properties["probabilities"] = {"type": "array", "items": shares, "description": "by class, in order"}
    if model.randomised:
        says = "whether the label is asked for at random, whatever the answer is"
        properties["label_asked"] = {"type": "array", "items": {"type": "boolean"}, "description": says}
    return {"type": "object", "required": list(properties), "properties": properties}


def _value(output: OutputSpec, model: Model) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": _OUTPUT_TYPES[output.datatype]}
    if classes := model.properties.get("classes"):
        schema["description"] = "one of " + ", ".join(map(str, classes[:MAX_VALUES]))
    return schema


def _infer_request() -> dict[str, Any]:
    tensor = {
        "type": "object",
        "required": ["name", "shape", "datatype", "data"],
        "properties": {
            "name": {"type": "string"},
            "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
            "datatype": {"type": "string"},
            "data": {"type": "array"},
        },
    }
    inputs = {"type": "array", "minItems": 1, "items": tensor}
    return {
        "type": "object",
        "required": ["inputs"],
        "properties": {"id": {"type": "string"}, "inputs": inputs},
    }


def _infer_response() -> dict[str, Any]:
    tensor = {
        "type": "object",
        "required": ["name", "shape", "datatype", "data"],
        "properties": {
            "name": {"type": "string"},
            "shape": {"type": "array", "items": {"type": "integer"}},
            "datatype": {"type": "string"},
            "data": {"type": "array"},
        },
    }
    return {
        "type": "object",
        "required": ["model_name", "model_version", "outputs"],
        "properties": {
            "id": {"type": "string"},
            "model_name": {"type": "string"},
            "model_version": {"type": "string"},
            "outputs": {"type": "array", "items": tensor},
        },
    }
