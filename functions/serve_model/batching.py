"""From predictions to the payloads of `inference.logged`: put side by side, and cut by rows and bytes.

Numbers stay numpy arrays until orjson writes them, so that a row costs microseconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from functions.serve_model.logic import Prediction
from functions.serve_model.model import Model, Outputs

_JSON = orjson.OPT_SERIALIZE_NUMPY
_LOGGED_AS = {"label": "labels", "probabilities": "probabilities", "prediction": "predictions"}

Noted = tuple[Prediction, float, int]
"""One answered request: what was predicted, the seconds that took, and the bytes it occupies (estimated)."""

Column = Sequence[Any] | NDArray[Any]


@dataclass(frozen=True)
class Columns:
    """Rows of several requests, column by column, in the form of the catalogue's `InferenceLogged`."""

    model: Model
    ids: list[str]
    times_ms: list[int]
    latencies_ms: list[float]
    entities: list[str | None] | None
    looked_up: Mapping[str, str]
    inputs: Mapping[str, Column]
    outputs: Mapping[str, Column]

    def payload(self, first: int, end: int, failures: int) -> bytes:
        """Return the JSON of some of the rows; what is no number is null there."""
        document: dict[str, Any] = {
            "model": self.model.name,
            "version": self.model.version,
            "ids": self.ids[first:end],
            "times_ms": self.times_ms[first:end],
            "inputs": {name: values[first:end] for name, values in self.inputs.items()},
            "latencies_ms": self.latencies_ms[first:end],
            "failures": failures,
        }
        for name, values in self.outputs.items():
            document[name] = values[first:end]
        if self.entities is not None:
            document["entities"] = self.entities[first:end]
        asked = self.model.labels_asked(self.ids[first:end])
        if asked is not None:
            document["label_asked"] = asked
        if self.looked_up:
            document["looked_up"] = self.looked_up
        return orjson.dumps(document, option=_JSON)


def time_ms(prediction_id: str) -> int:
    """Return the milliseconds since the epoch in a UUIDv7."""
    return int(prediction_id[:8] + prediction_id[9:13], 16)


def side_by_side(model: Model, noted: Sequence[Noted]) -> Columns:
    """Put the rows of several requests into one set of columns, in their order."""
    ids: list[str] = []
    times_ms: list[int] = []
    latencies_ms: list[float] = []
    for prediction, seconds, _ in noted:
        rows = len(prediction.ids)
        ids += prediction.ids
        # All ids of a request hold the same millisecond.
        times_ms += [time_ms(prediction.ids[0])] * rows
        latencies_ms += [round(seconds * 1000, 3)] * rows
    predictions = [each[0] for each in noted]
    inputs = {**_keys(predictions), **_inputs(model.encoding.names, predictions)}
    outputs = columns_of([each.outputs for each in predictions])
    looked_up = {name: by for each in predictions for name, by in each.looked_up.items()}
    return Columns(model, ids, times_ms, latencies_ms, _entities(predictions), looked_up, inputs, outputs)


def columns_of(outputs: Sequence[Outputs]) -> dict[str, Column]:
    """Return a model's answers to some requests under the names they have in `InferenceLogged`."""
    columns: dict[str, Column] = {}
    for name, logged_as in _LOGGED_AS.items():
        parts = [getattr(each, name) for each in outputs]
        if parts and parts[0] is not None:
            joined = np.concatenate(parts)
            columns[logged_as] = joined.tolist() if joined.dtype == object else joined
    return columns


def cut(columns: Columns, failures: int, *, max_rows: int, max_bytes: int) -> Iterator[tuple[bytes, int]]:
    """Yield (JSON, rows) of every event that the rows make, in order. Failures are counted in the first.

    The events are about equally long. One with too many bytes is halved until it fits, or is a single row.
    """
    total = len(columns.ids)
    events = max(1, -(-total // max_rows))
    edges = [total * number // events for number in range(events + 1)]
    waiting = list(pairwise(edges))[::-1]
    while waiting:
        first, end = waiting.pop()
        body = columns.payload(first, end, failures)
        if len(body) > max_bytes and end - first > 1:
            middle = (first + end) // 2
            waiting += [(middle, end), (first, middle)]
            continue
        failures = 0
        yield body, end - first


def _entities(predictions: Sequence[Prediction]) -> list[str | None] | None:
    if all(each.entities is None for each in predictions):
        return None
    entities: list[str | None] = []
    for each in predictions:
        entities += each.entities or [None] * len(each.ids)
    return entities


def _keys(predictions: Sequence[Prediction]) -> Mapping[str, Column]:
    """Return the columns by which features were looked up; null in requests that looked none up."""
    names = dict.fromkeys(name for each in predictions for name in each.keys)
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for each in predictions:
        for name, column in columns.items():
            listed = each.keys.get(name, [None] * len(each.ids))
            column += listed.tolist() if isinstance(listed, np.ndarray) else listed
    return columns


def _inputs(names: Sequence[str], predictions: Sequence[Prediction]) -> Mapping[str, Column]:
    """Return a column of each feature that was sent; null in requests that left out what is not used."""
    matrices = [each.inputs for each in predictions if isinstance(each.inputs, np.ndarray)]
    if matrices and len(matrices) == len(predictions):
        return dict(zip(names, np.ascontiguousarray(np.concatenate(matrices).T), strict=True))
    all_of_them = bool(matrices) or not predictions
    sent = [name for name in names if all_of_them or any(name in each.inputs for each in predictions)]
    columns: dict[str, list[Any]] = {name: [] for name in sent}
    for prediction in predictions:
        inputs = prediction.inputs
        if isinstance(inputs, np.ndarray):
            for column, values in zip(columns.values(), inputs.T.tolist(), strict=True):
                column += values
            continue
        for name, column in columns.items():
            listed = inputs[name] if name in inputs else [None] * len(prediction.ids)
            column += listed.tolist() if isinstance(listed, np.ndarray) else listed
    return columns
