"""Reads what loggers of other platforms send: the bodies of a request and of its response, as columns.

Three protocols are read: v1 (`instances`, `predictions`), v2 (`inputs`, `outputs`), and Seldon's own (`data`
with `ndarray` or `tensor`).
Source: KServe, "Inference Logger"; Open Inference Protocol; Seldon Core 1.18, proto/prediction.proto.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_PROBABILITIES = ("probabilities", "predict_proba", "output_probability")


class Unreadable(ValueError):
    """A body is no request or response of a protocol that is read; the message says what is wrong."""


@dataclass(frozen=True)
class Asked:
    """The rows of a request, column by column; `has_names`: the request itself said what each column is."""

    columns: dict[str, list[Any]]
    rows: int
    has_names: bool


def asked_in(body: Any) -> Asked:
    """Read a request. Raises: Unreadable."""
    if not isinstance(body, dict):
        raise Unreadable("the data of both events must be a JSON object")
    if isinstance(instances := body.get("instances"), list):
        return _instances(instances)
    if isinstance(listed := body.get("inputs"), list):
        columns, rows = _tensors(listed)
        return Asked(columns, rows, len(listed) > 1)
    if isinstance(data := body.get("data"), dict):
        return _data(data)
    raise Unreadable("the request has neither 'instances' (v1) nor 'inputs' (v2) nor 'data' (Seldon)")


def answered_in(body: Any, rows: int) -> dict[str, Any]:
    """Read the response to so many rows, as fields of `inference.logged`. Raises: Unreadable."""
    if not isinstance(body, dict):
        raise Unreadable("the data of both events must be a JSON object")
    if isinstance(predictions := body.get("predictions"), list):
        return _predicted("predictions", predictions, rows)
    if isinstance(listed := body.get("outputs"), list) and listed:
        return _outputs(listed, rows)
    if isinstance(data := body.get("data"), dict):
        answer = [row[0] if len(row) == 1 else row for row in _matrix(data)]
        return _predicted("data", answer, rows)
    raise Unreadable("the response has neither 'predictions' (v1) nor 'outputs' (v2) nor 'data' (Seldon)")


def _instances(instances: list[Any]) -> Asked:
    if instances and all(isinstance(row, dict) for row in instances):
        names = list(dict.fromkeys(name for row in instances for name in row))
        columns = {str(name): [row.get(name) for row in instances] for name in names}
        return Asked(columns, len(instances), True)
    return _rows([row if isinstance(row, list) else [row] for row in instances])


def _rows(rows: list[list[Any]]) -> Asked:
    if len({len(row) for row in rows}) > 1:
        raise Unreadable("the instances differ in length")
    width = len(rows[0]) if rows else 0
    columns = {f"feature_{index}": [row[index] for row in rows] for index in range(width)}
    return Asked(columns, len(rows), False)


def _data(data: dict[str, Any]) -> Asked:
    """Read Seldon's own `data`, whose names are those of the columns."""
    asked, names = _rows(_matrix(data)), data.get("names") or []
    if isinstance(names, list) and len(names) == len(asked.columns) == len(set(map(str, names))) > 0:
        columns = dict(zip(map(str, names), asked.columns.values(), strict=True))
        return Asked(columns, asked.rows, True)
    return asked


def _matrix(data: dict[str, Any]) -> list[list[Any]]:
    if isinstance(rows := data.get("ndarray"), list):
        return [row if isinstance(row, list) else [row] for row in rows]
    if isinstance(tensor := data.get("tensor"), dict):
        given = {"name": "tensor", "shape": tensor.get("shape"), "data": tensor.get("values")}
        _, shape, flat = _tensor(given)
        width = math.prod(shape[1:])
        return [flat[row * width : (row + 1) * width] for row in range(shape[0])]
    raise Unreadable("'data' has neither 'ndarray' nor 'tensor'")


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


def _outputs(listed: list[Any], rows: int) -> dict[str, Any]:
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
