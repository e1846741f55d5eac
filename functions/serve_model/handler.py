"""Answers a request to infer: the body in, the model's answer in the caller's protocol out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from functions.serve_model import v1, v2
from functions.serve_model.answers import Answer
from functions.serve_model.logic import Inputs, Prediction, TakesIds, predict
from functions.serve_model.model import Model

BINARY = b"application/octet-stream"


@dataclass(frozen=True, slots=True)
class Inference:
    """The served model with the limits of one request. `record` sees each prediction made."""

    model: Model
    max_rows: int
    record: Callable[[Prediction], None]

    def v2(self, body: bytes, header_length: int | None, ids: TakesIds) -> Answer:
        """Answer an Open Inference Protocol request."""
        query = v2.read(body, header_length, self.model)
        prediction = self._predict(query.inputs, query.rows, ids)
        written, json_length = v2.write(self.model, query, prediction)
        if json_length is None:
            return Answer(200, written)
        length = (b"inference-header-content-length", str(json_length).encode())
        return Answer(200, written, ((b"content-type", BINARY), length))

    def v1(self, body: bytes, ids: TakesIds) -> Answer:
        """Answer a v1 `:predict` request."""
        inputs, rows = v1.read(body, self.model)
        return Answer(200, v1.write(self.model, self._predict(inputs, rows, ids)))

    def _predict(self, inputs: Inputs, rows: int, ids: TakesIds) -> Prediction:
        prediction = predict(self.model, inputs, rows, ids, self.max_rows)
        self.record(prediction)
        return prediction
