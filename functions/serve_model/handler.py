"""Answers a request to infer: the body in, the model's answer in the caller's protocol out."""

from __future__ import annotations

from dataclasses import dataclass

from functions.serve_model import v1, v2
from functions.serve_model.logic import TakesIds, predict
from functions.serve_model.model import Model
from functions.serve_model.responses import JSON, Response

BINARY = b"application/octet-stream"
_JSON_HEADERS = ((b"content-type", JSON),)


@dataclass(frozen=True, slots=True)
class Inference:
    """The served model with the limits of one request."""

    model: Model
    max_rows: int

    def v2(self, body: bytes, header_length: int | None, ids: TakesIds) -> Response:
        """Answer an Open Inference Protocol request."""
        query = v2.read(body, header_length, self.model)
        prediction = predict(self.model, query.inputs, query.rows, ids, self.max_rows)
        written, json_length = v2.write(self.model, query, prediction)
        if json_length is None:
            return Response(200, written, _JSON_HEADERS, prediction, len(body))
        length = (b"inference-header-content-length", str(json_length).encode())
        return Response(200, written, ((b"content-type", BINARY), length), prediction, len(body))

    def v1(self, body: bytes, ids: TakesIds) -> Response:
        """Answer a v1 `:predict` request."""
        inputs, rows = v1.read(body, self.model)
        prediction = predict(self.model, inputs, rows, ids, self.max_rows)
        return Response(200, v1.write(self.model, prediction), _JSON_HEADERS, prediction, len(body))
