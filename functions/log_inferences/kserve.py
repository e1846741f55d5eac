"""Reads what KServe's logger sends: the bodies of a request and of its response, as columns of the log.

Both protocols are read: v1 (`instances`, `predictions`) and v2 (`inputs`, `outputs`).
Source: KServe, "Inference Logger"; Open Inference Protocol.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from eventing.catalogue import InferenceLogged
from pipelines.prediction_ids import uuid7

_VERSION = re.compile(r"v?([1-9][0-9]{0,8})")
_MODEL = re.compile(r"[^a-z0-9-]+")
_PROBABILITIES = ("probabilities", "predict_proba", "output_probability")


class Unreadable(ValueError):
    """A body is no request or response of either protocol; the message says what is wrong."""


def logged_of(
    model: str, identity: str, at: datetime, took_ms: float, request: Any, response: Any
) -> InferenceLogged:
    """Put a request and its response together.

    Args:
        model: the InferenceService's name.
        identity: the id that both events share.
        at: when the request was logged.
        took_ms: from the request's event to the response's.

    Raises: Unreadable.
    """
    if not isinstance(request, dict) or not isinstance(response, dict):
        raise Unreadable("the data of both events must be a JSON object")
    inputs, rows = _inputs(request)
    outputs = _outputs(response, rows)
    return InferenceLogged(
        model=model,
        version=_version(response.get("model_version")),
        ids=[uuid7(at, f"{identity}/{row}") for row in range(rows)],
        times_ms=[int(at.timestamp() * 1000)] * rows,
        inputs=inputs,
        latencies_ms=[max(0.0, took_ms)] * rows,
        **outputs,
    )


def _version(value: object) -> int:
    match = _VERSION.fullmatch(str(value or ""))
    return int(match[1]) if match else 1


def _inputs(body: dict[str, Any]) -> tuple[dict[str, list[Any]], int]:
    if isinstance(instances := body.get("instances"), list):
        return _instances(instances)
    if isinstance(listed := body.get("inputs"), list):
        return _tensors(listed)
    raise Unreadable("the request has neither 'instances' (v1) nor 'inputs' (v2)")


def _instances(instances: list[Any]) -> tuple[dict[str, list[Any]], int]:
    if instances and all(isinstance(row, dict) for row in instances):
        names = list(dict.fromkeys(name for row in instances for name in row))
        return {str(name): [row.get(name) for row in instances] for name in names}, len(instances)
    rows = [row if isinstance(row, list) else [row] for row in instances]
    if len({len(row) for row in rows}) > 1:
        raise Unreadable("the instances differ in length")
    width = len(rows[0]) if rows else 0
    return {f"feature_{index}": [row[index] for row in rows] for index in range(width)}, len(rows)


def _tensors(listed: list[Any]) -> tuple[dict[str, list[Any]], int]:
    columns: dict[str, list[Any]] = {}
    rows: int | None = None
    for tensor in listed:
        name, shape, data = _tensor(tensor)
        if rows is not None and shape[0] != rows:
            raise Unreadable(f"input '{name}' has {shape[0]} rows, others have {rows}")
        rows = shape[0]
        width = math.prod(shape[1:])
        if width == 1:
            columns[name] = data
        else:
            columns |= {f"{name}_{index}": data[index::width] for index in range(width)}
    if rows is None:
        raise Unreadable("'inputs' holds no tensor")
    return columns, rows


def _tensor(tensor: Any) -> tuple[str, list[int], list[Any]]:
    if not isinstance(tensor, dict) or not isinstance(name := tensor.get("name"), str):
        raise Unreadable("each tensor is an object with 'name', 'shape' and 'data'")
    shape, data = tensor.get("shape"), tensor.get("data")
    if not (
        isinstance(shape, list) and shape and all(type(length) is int and length >= 0 for length in shape)
    ):
        raise Unreadable(f"tensor '{name}': 'shape' must be a list of whole numbers")
    flat = _flat(data) if isinstance(data, list) else None
    if flat is None or len(flat) != math.prod(shape):
        raise Unreadable(f"tensor '{name}': 'data' does not have the values that 'shape' says")
    return name, shape, flat


def _flat(data: list[Any]) -> list[Any]:
    if data and all(isinstance(each, list) for each in data):
        return [value for each in data for value in _flat(each)]
    return data


def _outputs(body: dict[str, Any], rows: int) -> dict[str, Any]:
    if isinstance(predictions := body.get("predictions"), list):
        return _predicted("predictions", predictions, rows)
    if not isinstance(listed := body.get("outputs"), list) or not listed:
        raise Unreadable("the response has neither 'predictions' (v1) nor 'outputs' (v2)")
    found: dict[str, Any] = {}
    for tensor in listed:
        name, shape, data = _tensor(tensor)
        width = math.prod(shape[1:])
        values = data if width == 1 else [data[row * width : (row + 1) * width] for row in range(shape[0])]
        if name in _PROBABILITIES or width > 1:
            found.setdefault("probabilities", _floats(name, values, rows))
        elif "labels" not in found and "predictions" not in found and name != "prediction_id":
            found |= _predicted(name, values, rows)
    return found


def _predicted(name: str, values: Sequence[Any], rows: int) -> dict[str, Any]:
    if len(values) != rows:
        raise Unreadable(f"'{name}' has {len(values)} values for {rows} rows")
    if values and all(isinstance(value, list) for value in values):
        return {"probabilities": _floats(name, values, rows)}
    if any(isinstance(value, float) for value in values):
        return {"predictions": _floats(name, [[value] for value in values], rows, single=True)}
    return {"labels": list(values)}


def _floats(name: str, values: Sequence[Any], rows: int, *, single: bool = False) -> list[Any]:
    if len(values) != rows:
        raise Unreadable(f"'{name}' has {len(values)} values for {rows} rows")
    try:
        read = [[float(value) for value in (each if isinstance(each, list) else [each])] for each in values]
    except (TypeError, ValueError) as error:
        raise Unreadable(f"'{name}' holds what is no number") from error
    return [each[0] for each in read] if single else read
