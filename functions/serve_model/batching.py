"""From predictions to the payloads of `inference.logged`: put side by side, and cut by rows and bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from functions.serve_model.logic import Inputs, Prediction
from functions.serve_model.model import Model, Outputs

_JSON = orjson.OPT_SERIALIZE_NUMPY


@dataclass(frozen=True, slots=True)
class Noted:
    """One answered request: what was predicted, and how long it took."""

    prediction: Prediction
    seconds: float


@dataclass(frozen=True)
class Columns:
    """Rows of several requests, column by column, in the form of the catalogue's `InferenceLogged`."""

    model: Model
    ids: list[str]
    inputs: dict[str, list[Any]]
    outputs: dict[str, list[Any]]
    entities: list[str | None] | None
    latencies_ms: list[float]

    def payload(self, first: int, end: int, failures: int) -> bytes:
        """Return the JSON of some of the rows; what is no number is null there."""
        document = {
            "model": self.model.name,
            "version": self.model.version,
            "ids": self.ids[first:end],
            "times_ms": [time_ms(identity) for identity in self.ids[first:end]],
            "inputs": {name: values[first:end] for name, values in self.inputs.items()},
            "latencies_ms": self.latencies_ms[first:end],
            "failures": failures,
            **{name: values[first:end] for name, values in self.outputs.items()},
        }
        if self.entities is not None:
            document["entities"] = self.entities[first:end]
        return orjson.dumps(document, option=_JSON)


def time_ms(prediction_id: str) -> int:
    """Return the milliseconds since the epoch that a UUIDv7 tells."""
    return int(prediction_id[:8] + prediction_id[9:13], 16)


def side_by_side(model: Model, noted: Sequence[Noted]) -> Columns:
    """Put the rows of several requests into one set of columns, in their order."""
    columns = Columns(model, [], {name: [] for name in model.encoding.names}, {}, None, [])
    outputs: dict[str, list[Any]] = {}
    entities: list[str | None] = []
    known = False
    for each in noted:
        prediction = each.prediction
        rows = len(prediction.ids)
        columns.ids.extend(prediction.ids)
        columns.latencies_ms.extend([round(each.seconds * 1000, 3)] * rows)
        for name, values in _named(model, prediction.inputs).items():
            columns.inputs[name].extend(values)
        for name, values in columns_of(prediction.outputs).items():
            outputs.setdefault(name, []).extend(values)
        known = known or prediction.entities is not None
        entities.extend(prediction.entities or [None] * rows)
    return Columns(
        model, columns.ids, columns.inputs, outputs, entities if known else None, columns.latencies_ms
    )


def columns_of(outputs: Outputs) -> dict[str, list[Any]]:
    """Return a model's answers under the names they have in `InferenceLogged`."""
    found = {
        "labels": outputs.label,
        "probabilities": outputs.probabilities,
        "predictions": outputs.prediction,
    }
    return {name: values.tolist() for name, values in found.items() if values is not None}


def cut(columns: Columns, failures: int, *, max_rows: int, max_bytes: int) -> Iterator[tuple[bytes, int]]:
    """Yield (JSON, rows) of every event that the rows make, in order. Failures are told in the first.

    A part that has too many bytes is halved until it fits, or is a single row.
    """
    total = len(columns.ids)
    starts = range(0, total, max_rows) if total else range(1)
    waiting = [(start, min(start + max_rows, total)) for start in reversed(starts)]
    while waiting:
        first, end = waiting.pop()
        body = columns.payload(first, end, failures)
        if len(body) > max_bytes and end - first > 1:
            middle = (first + end) // 2
            waiting += [(middle, end), (first, middle)]
            continue
        failures = 0
        yield body, end - first


def _named(model: Model, inputs: Inputs) -> Mapping[str, list[Any]]:
    if isinstance(inputs, Mapping):
        return {name: _listed(inputs[name]) for name in model.encoding.names}
    return dict(zip(model.encoding.names, inputs.T.tolist(), strict=True))


def _listed(values: Any) -> list[Any]:
    if isinstance(values, np.ndarray):
        values = values.tolist()
    return [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in values]
