"""Answers a request to infer: the body in, the model's answer in the caller's protocol out.

asked = inference.read("v2", body)
found = await inference.lookup.find(asked.question)    # where there is one
response = inference.answer(asked, ids, found)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from eventing.attributes import encode_header
from functions.serve_model import v1, v2
from functions.serve_model.feature_values import Found
from functions.serve_model.logic import Inputs, Prediction, TakesIds, predict
from functions.serve_model.lookup import Lookup, Question
from functions.serve_model.model import Model
from functions.serve_model.responses import JSON, Response

BINARY = b"application/octet-stream"
MISSING = b"kascade-missing-features"
"""The header that names the features that were stood in for."""
NOTHING: Found = MappingProxyType({})
_JSON_HEADERS: tuple[tuple[bytes, bytes], ...] = ((b"content-type", JSON),)


@dataclass(frozen=True, slots=True)
class Asked:
    """A read request of so many bytes. `question`: what is to be looked up before it can be answered."""

    inputs: Inputs
    rows: int
    body_bytes: int
    query: v2.Query | None = None
    question: Question | None = None


class _NoIds:
    """For what is not logged."""

    def take(self, count: int) -> list[str]:
        return [""] * count


@dataclass(frozen=True, slots=True)
class Inference:
    """The served model with the limits of one request; `lookup` where features of it are looked up."""

    model: Model
    max_rows: int
    lookup: Lookup | None = None

    def read(self, protocol: str, body: bytes, header_length: int | None = None) -> Asked:
        """Read a request of protocol `v1` or `v2`. Raises: BadRequest, TooLarge."""
        query: v2.Query | None = None
        if protocol == "v2":
            query = v2.read(body, header_length, self.model)
            inputs, rows = query.inputs, query.rows
        else:
            inputs, rows = v1.read(body, self.model)
        question = None if self.lookup is None else self.lookup.question(inputs, rows)
        return Asked(inputs, rows, len(body), query, question)

    def answer(self, asked: Asked, ids: TakesIds, found: Found = NOTHING) -> Response:
        """Answer a request, with what was found for it. Raises: BadRequest, TooLarge, FeatureMissing."""
        prediction = self._predict(asked, ids, found)
        headers: tuple[tuple[bytes, bytes], ...] = _JSON_HEADERS
        if prediction.missing:
            headers += ((MISSING, encode_header(prediction.missing_features).encode()),)
        if asked.query is None:
            return Response(200, v1.write(self.model, prediction), headers, prediction, asked.body_bytes)
        written, json_length = v2.write(self.model, asked.query, prediction)
        if json_length is not None:
            length = (b"inference-header-content-length", str(json_length).encode())
            headers = ((b"content-type", BINARY), length, *headers[1:])
        return Response(200, written, headers, prediction, asked.body_bytes)

    def predict(self, asked: Asked, found: Found = NOTHING) -> Prediction:
        """Predict the rows of a request that is not logged: they have no ids."""
        return self._predict(asked, _NoIds(), found)

    def _predict(self, asked: Asked, ids: TakesIds, found: Found) -> Prediction:
        inputs, model = asked.inputs, self.model
        if self.lookup is None or not isinstance(inputs, Mapping):
            return predict(model, inputs, asked.rows, ids, self.max_rows)
        completed = self.lookup.complete(inputs, asked.rows, asked.question, found)
        prediction = predict(model, completed.columns, asked.rows, ids, self.max_rows)
        return replace(
            prediction, keys=completed.keys, looked_up=completed.looked_up, missing=completed.missing
        )
