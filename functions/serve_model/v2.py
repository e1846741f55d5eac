"""The Open Inference Protocol (v2): reads an inference request, writes its response.

Sources: Open Inference Protocol, "Inference"; Triton, "Binary Tensor Data Extension".
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from functions.serve_model import content_types, tensors
from functions.serve_model.errors import BadRequest
from functions.serve_model.logic import Inputs, Prediction, positional
from functions.serve_model.model import Model
from functions.serve_model.tensors import Tensor

PREDICTION_ID = "prediction_id"
MAX_DIMENSIONS = 8
_JSON = orjson.OPT_SERIALIZE_NUMPY
_EMPTY: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Query:
    """A read request. `wanted` maps the requested outputs to "as binary"; None asks for all as JSON."""

    inputs: Inputs
    rows: int
    id: str | None = None
    wanted: Mapping[str, bool] | None = None


def read(body: bytes, header_length: int | None, model: Model) -> Query:
    """Read a request's body; `header_length` is where the binary extension's JSON ends.

    Raises: BadRequest saying what is wrong.
    """
    tail = memoryview(b"")
    if header_length is not None:
        if not 0 < header_length <= len(body):
            raise BadRequest(
                f"Inference-Header-Content-Length is {header_length}, the body has {len(body)} bytes"
            )
        tail = memoryview(body)[header_length:]
        body = body[:header_length]
    document = tensors.read_json(body)
    if not isinstance(document, dict):
        raise BadRequest('the body must be a JSON object such as {"inputs": [...]}')
    listed = document.get("inputs")
    if not isinstance(listed, list) or not listed:
        raise BadRequest("'inputs' is missing: a list with at least one tensor")
    inputs = []
    for entry in listed:
        tensor, used = _tensor(entry, tail)
        tail = tail[used:]
        inputs.append(tensor)
    if len(tail):
        raise BadRequest(f"{len(tail)} bytes follow the last binary tensor")
    request_id = document.get("id")
    if request_id is not None and not isinstance(request_id, str):
        raise BadRequest("'id' must be a string")
    values, rows = _inputs(inputs, model)
    return Query(values, rows, request_id, _wanted(document, model))


def _inputs(inputs: list[Tensor], model: Model) -> tuple[Inputs, int]:
    """Tell the forms apart: a matrix of all features, also with the entity beside it, or a column each."""
    if _is_matrix(inputs, model) and not _names_entity(inputs[0], model):
        return _matrix(inputs[0], model)
    if len(inputs) == 2 and model.entity is not None and model.entity not in model.encoding.names:
        entities = [tensor for tensor in inputs if tensor.name == model.entity]
        others = [tensor for tensor in inputs if tensor.name != model.entity]
        if len(entities) == 1 and _is_matrix(others, model):
            matrix, rows = _matrix(others[0], model)
            if isinstance(matrix, np.ndarray):
                matrix = dict(zip(model.encoding.names, np.transpose(matrix), strict=True))
            return {**matrix, **_columns(entities)[0]}, rows
    return _columns(inputs)


def _tensor(entry: Any, tail: memoryview) -> tuple[Tensor, int]:
    """Read one tensor; return it and how many bytes of `tail` it took."""
    if not isinstance(entry, dict) or not isinstance(name := entry.get("name"), str):
        raise BadRequest("each input is an object with 'name', 'shape', 'datatype' and 'data'")
    datatype = entry.get("datatype")
    if datatype not in tensors.DATATYPES:
        raise BadRequest(
            f"input '{name}': datatype {tensors.shown(datatype)} is none of {', '.join(tensors.DATATYPES)}"
        )
    shape = _shape(entry.get("shape"), name)
    parameters = _parameters(entry, f"input '{name}'")
    if parameters:
        decode = content_types.decoder(parameters.get("content_type"), datatype, name)
        size = parameters.get("binary_data_size")
    else:
        decode, size = None, None
    if size is None:
        if "data" not in entry:
            raise BadRequest(f"input '{name}': 'data' is missing")
        values = tensors.flatten(entry["data"], shape, name)
        if datatype not in tensors.FLOATS:
            tensors.check_types(values, datatype, name)
        return Tensor(name, datatype, shape, decode(values) if decode else values), 0
    if "data" in entry:
        raise BadRequest(f"input '{name}': give either 'data' or 'binary_data_size', not both")
    if type(size) is not int or not 0 <= size <= len(tail):
        raise BadRequest(
            f"input '{name}': binary_data_size is {size!r}, {len(tail)} bytes are left in the body"
        )
    read = tensors.from_binary(tail[:size], datatype, shape, name)
    return Tensor(name, datatype, shape, decode(read) if decode else read), size


def _shape(shape: Any, name: str) -> tuple[int, ...]:
    # The product of a longer one may have more digits than Python writes, or multiplies in time.
    few = isinstance(shape, list) and 0 < len(shape) <= MAX_DIMENSIONS
    if few and all(type(length) is int and length >= 0 for length in shape):
        return tuple(shape)
    raise BadRequest(
        f"input '{name}': 'shape' must be a list of whole numbers such as [1, 4], at most {MAX_DIMENSIONS}, "
        f"got {tensors.shown(shape)}"
    )


def _parameters(entry: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    parameters = entry.get("parameters")
    if parameters is None:
        return _EMPTY
    if not isinstance(parameters, dict):
        raise BadRequest(f"{where}: 'parameters' must be an object")
    return parameters


def _is_matrix(inputs: list[Tensor], model: Model) -> bool:
    """One tensor that is no feature's own column holds all features, in order."""
    only = inputs[0]
    return (
        len(inputs) == 1
        and len(only.shape) == 2
        and (only.shape[1] > 1 or only.name not in model.encoding.names)
    )


def _names_entity(tensor: Tensor, model: Model) -> bool:
    """Say whether a tensor is a column by which features are looked up."""
    return model.plan is not None and any(tensor.name == key.name for key in model.plan.keys)


def _matrix(tensor: Tensor, model: Model) -> tuple[Inputs, int]:
    width = tensor.shape[1]
    positional(model, width, f"input '{tensor.name}' of shape {list(tensor.shape)}")
    if tensor.datatype == "BYTES":
        names = model.encoding.names
        return {name: tensor.values[place::width] for place, name in enumerate(names)}, tensor.shape[0]
    return tensors.matrix(tensor, exact=not model.encoding.plain), tensor.shape[0]


def _columns(inputs: list[Tensor]) -> tuple[dict[str, tensors.Values], int]:
    columns: dict[str, tensors.Values] = {}
    for tensor in inputs:
        if tensor.name in columns:
            raise BadRequest(f"input '{tensor.name}' is given twice")
        if len(tensor.shape) > 2 or tensor.shape[1:] not in ((), (1,)):
            raise BadRequest(
                f"input '{tensor.name}': one feature has shape [N] or [N, 1], got {list(tensor.shape)}"
            )
        if tensor.datatype in tensors.FLOATS and isinstance(tensor.values, list):
            tensors.check_types(tensor.values, tensor.datatype, tensor.name)
        columns[tensor.name] = tensor.values
    return columns, inputs[0].shape[0]


def _wanted(document: Mapping[str, Any], model: Model) -> Mapping[str, bool] | None:
    default = _parameters(document, "the request").get("binary_data_output", False) is True
    names = [*(spec.name for spec in model.outputs), PREDICTION_ID]
    listed = document.get("outputs")
    if listed is None or listed == []:
        return dict.fromkeys(names, True) if default else None
    if not isinstance(listed, list):
        raise BadRequest("'outputs' must be a list")
    wanted = {}
    for entry in listed:
        name = entry.get("name") if isinstance(entry, dict) else None
        if name not in names:
            near = difflib.get_close_matches(str(name), names, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"the model gives {', '.join(names)}"
            raise BadRequest(f"output {name!r} is unknown: {hint}")
        parameters = _parameters(entry, f"output '{name}'")
        if "classification" in parameters:
            raise BadRequest(
                f"output '{name}': the classification extension is not offered; read 'probabilities'"
            )
        wanted[name] = parameters.get("binary_data", default) is True
    return wanted


def write(model: Model, query: Query, prediction: Prediction) -> tuple[bytes, int | None]:
    """Write the response; return the body, and where its JSON ends if binary tensors follow.

    The ids are the output tensor `prediction_id`. Where the caller asked for other outputs only, they are in
    `parameters.prediction_ids`, joined by commas (a parameter cannot be a list). So are in
    `parameters.label_asked` those whose label is asked for at random, where that is done.
    """
    rows, outputs = query.rows, prediction.outputs
    version = str(model.version)
    # KServe's client drops the response's model_version and keeps its parameters.
    document: dict[str, Any] = {
        "model_name": model.name,
        "model_version": version,
        "parameters": {"model_version": version},
    }
    if query.id is not None:
        document["id"] = query.id
    if prediction.missing:  # a parameter cannot be a list
        document["parameters"]["missing_features"] = prediction.missing_features
    asked = model.labels_asked(prediction.ids)
    if asked is not None:
        chosen = (each for each, is_one in zip(prediction.ids, asked, strict=True) if is_one)
        document["parameters"]["label_asked"] = ",".join(chosen)
    entries = []
    for spec in model.outputs:
        values = getattr(outputs, spec.name)
        flat = values.tolist() if spec.datatype == "BYTES" else values.reshape(-1)
        entries.append(
            {"name": spec.name, "datatype": spec.datatype, "shape": [rows, *spec.shape[1:]], "data": flat}
        )
    entries.append({"name": PREDICTION_ID, "datatype": "BYTES", "shape": [rows], "data": prediction.ids})
    if query.wanted is None:
        document["outputs"] = entries
        return orjson.dumps(document, option=_JSON), None
    if PREDICTION_ID not in query.wanted:
        document["parameters"]["prediction_ids"] = ",".join(prediction.ids)
    return _write_wanted(document, entries, query.wanted)


def _write_wanted(
    document: dict[str, Any], entries: list[dict[str, Any]], wanted: Mapping[str, bool]
) -> tuple[bytes, int | None]:
    """Keep the requested outputs in the requested order; move the binary ones behind the JSON."""
    by_name = {entry["name"]: entry for entry in entries}
    kept, blocks = [], []
    for name, binary in wanted.items():
        entry = by_name[name]
        if binary:
            block = tensors.to_binary(entry.pop("data"))
            entry["parameters"] = {"binary_data_size": len(block)}
            blocks.append(block)
        kept.append(entry)
    document["outputs"] = kept
    head = orjson.dumps(document, option=_JSON)
    return (b"".join((head, *blocks)), len(head)) if blocks else (head, None)


def metadata(model: Model) -> dict[str, Any]:
    """Describe the model: a tensor per feature, and the outputs.

    A model whose features are all numbers also takes them as one tensor [N, features] in this order.
    """
    kinds = {"number": "FP64", "integer": "INT64", "boolean": "BOOL"}
    return {
        "name": model.name,
        "versions": [str(model.version)],
        "platform": "onnx_onnxv1",
        "inputs": [
            {"name": feature.name, "datatype": kinds.get(feature.kind, "BYTES"), "shape": [-1]}
            for feature in model.encoding.features
        ],
        "outputs": [
            *({"name": s.name, "datatype": s.datatype, "shape": list(s.shape)} for s in model.outputs),
            {"name": PREDICTION_ID, "datatype": "BYTES", "shape": [-1]},
        ],
        "properties": dict(model.properties),
    }
