"""The v1 protocol (TensorFlow Serving's `:predict`, as KServe speaks it): reads requests, writes responses.

Source: KServe, "V1 Inference Protocol".
"""

from __future__ import annotations

from typing import Any

import orjson

from functions.serve_model import tensors
from functions.serve_model.errors import BadRequest
from functions.serve_model.logic import Inputs, Prediction, positional
from functions.serve_model.model import Model
from functions.serve_model.tensors import read_json
from pipelines.values.reading import has_text

_JSON = orjson.OPT_SERIALIZE_NUMPY
_EXPECTED = '{"instances": [...]} with a list of values, or an object of named values, for each row'


def read(body: bytes, model: Model) -> tuple[Inputs, int]:
    """Read a request's body; return its inputs and the number of rows. Raises: BadRequest."""
    document = read_json(body)
    if isinstance(document, dict) and "entities" in document:
        return _by_entity(document, model)
    instances = document.get("instances") if isinstance(document, dict) else None
    if not isinstance(instances, list):
        raise BadRequest(f"the body must be {_EXPECTED}")
    if all(isinstance(row, dict) for row in instances):
        return _named(instances), len(instances)
    if all(isinstance(row, list) for row in instances):
        return _listed(instances, model), len(instances)
    raise BadRequest(f"the instances must be all lists or all objects: expected {_EXPECTED}")


def _by_entity(document: dict[str, Any], model: Model) -> tuple[Inputs, int]:
    """Read rows by entity; what a request knows of them itself stands in the same row, or in `instances`."""
    if model.plan is None:
        raise BadRequest("this model looks up no features: send them as `instances`")
    columns: dict[str, Any] = {}
    counts = []
    for key in ("entities", "instances"):
        if key not in document:
            continue
        rows = document[key]
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise BadRequest(f"`{key}` must be a list with an object for each row, beside `entities`")
        named = _named(rows, "entity" if key == "entities" else "instance")
        twice = sorted(columns.keys() & named.keys())
        if twice:
            raise BadRequest(f"{', '.join(twice)}: given in `entities` and in `instances`")
        columns |= named
        counts.append(len(rows))
    if len(set(counts)) > 1:
        raise BadRequest(f"{counts[0]} entities and {counts[1]} instances: both are about the same rows")
    return columns, counts[0]


def _named(instances: list[dict[str, Any]], what: str = "instance") -> dict[str, list[Any]]:
    """Turn rows into columns. A row that lacks what other rows have is an error: null says "not known"."""
    names = instances[0].keys() if instances else ()
    for position, row in enumerate(instances):
        if row.keys() != names:
            odd = sorted(set(row) ^ set(names))
            raise BadRequest(
                f"{what} {position} does not have the features of {what} 0: {', '.join(odd)} "
                "(say null for a value that is not known)"
            )
    return {name: [row[name] for row in instances] for name in names}


def _listed(instances: list[list[Any]], model: Model) -> Inputs:
    names = model.encoding.names
    for position, row in enumerate(instances):
        if len(row) != len(names):
            positional(model, len(row), f"instance {position}")
    if model.encoding.plain:
        flat = [value for row in instances for value in row]
        try:
            return tensors.pack(flat, "instances").reshape(len(instances), len(names))
        except BadRequest:
            if not has_text(flat):
                raise
    return {name: [row[index] for row in instances] for index, name in enumerate(names)}


def write(model: Model, prediction: Prediction) -> bytes:
    """Write the response: KServe's `predictions`, and beside them ids, version and probabilities."""
    outputs = prediction.outputs
    main = outputs.prediction if outputs.label is None else outputs.label
    document: dict[str, Any] = {
        "predictions": main.tolist() if main is not None and main.dtype == object else main,
        "prediction_ids": prediction.ids,
        "model_name": model.name,
        "model_version": str(model.version),
    }
    if outputs.probabilities is not None:
        document["probabilities"] = outputs.probabilities
    asked = model.labels_asked(prediction.ids)
    if asked is not None:
        document["label_asked"] = asked
    if prediction.missing:
        document["missing_features"] = prediction.missing
    return orjson.dumps(document, option=_JSON)
