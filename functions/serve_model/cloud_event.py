"""Answers a CloudEvent with a CloudEvent: the data of both are those of the inference protocols.

Imported at the first event only: requests over plain HTTP never pay for the SDK.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import orjson

from eventing.catalogue import InferenceLogged, source_of
from eventing.codec import decode
from eventing.errors import InvalidEvent
from eventing.event import Event, answer
from functions.serve_model.errors import BadRequest, Refused
from functions.serve_model.feature_values import Found
from functions.serve_model.handler import NOTHING, Inference
from functions.serve_model.lookup import Question
from functions.serve_model.responses import Response, event_response
from pipelines.prediction_ids import EventIds

RESPONSE_TYPE = "org.kubeflow.serving.inference.response"
"""KServe's type for an inference's response, so that what understands KServe's events understands ours."""


Find = Callable[[Question], Found]
"""Looks features up from the thread that answers an event. Raises: FeaturesAway."""


def answer_event(
    headers: Mapping[str, str], body: bytes, inference: Inference, find: Find | None = None
) -> Response:
    """Read an event of any type whose data is a v1 or v2 request; answer with the response as an event.

    A batch of another version's predictions is answered as its shadow (shadow.py).

    The reply's id and the prediction ids derive from the event, so a redelivery yields the same ones.
    Raises: BadRequest, also for a malformed event; Refused for an inference's reply (it would circle).
    """
    try:
        event = decode(headers, body)
    except InvalidEvent as error:
        raise BadRequest(f"not a CloudEvent: {error}") from error
    if event.type == RESPONSE_TYPE:
        raise Refused(f"an event of type {RESPONSE_TYPE} is an inference's reply: it is not inferred again")
    if event.type == InferenceLogged.type:
        from functions.serve_model.shadow import answer_copies

        return answer_copies(event, inference, find)
    result = _infer(event, inference, find)
    response, subject = orjson.loads(result.body), inference.model.subject
    reply = answer(event, RESPONSE_TYPE, source_of("serve_model"), subject, response)
    return event_response(reply, prediction=result.prediction, asked_bytes=len(body))


def _infer(event: Event, inference: Inference, find: Find | None) -> Response:
    if not isinstance(event.data, dict) or not {"inputs", "instances", "entities"} & event.data.keys():
        raise BadRequest('the event\'s data must be {"inputs": [...]} (v2) or {"instances": [...]} (v1)')
    now_ms = int((event.time.timestamp() if event.time else time.time()) * 1000)
    if now_ms < 0:
        raise BadRequest("the event's time is before 1970, which no prediction id can hold")
    ids = EventIds(event.source, event.id, now_ms)
    try:
        body = orjson.dumps(event.data)
    except orjson.JSONEncodeError as error:  # the event's JSON may hold what no request over HTTP may
        raise BadRequest(f"the event's data cannot be read as a request: {error}") from error
    asked = inference.read("v2" if "inputs" in event.data else "v1", body)
    found = NOTHING if asked.question is None or find is None else find(asked.question)
    result = inference.answer(asked, ids, found)
    if any(name == b"inference-header-content-length" for name, _ in result.headers):
        raise BadRequest("binary outputs cannot travel in an event: ask for them without binary_data")
    return result
