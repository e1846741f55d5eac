"""What goes back over HTTP, before any server sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from functions.serve_model.errors import FeaturesAway, MethodNotAllowed, ServingError, Unauthorized

if TYPE_CHECKING:
    from eventing.event import Event
    from functions.serve_model.logic import Prediction

JSON = b"application/json"


@dataclass(frozen=True, slots=True)
class Response:
    """A status, a body and its headers; Content-Length is added when it is sent.

    `prediction` is what is logged of it, with the size of the request's body. `shadow_rows` are rows of
    another version's requests that it answers.
    """

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ((b"content-type", JSON),)
    prediction: Prediction | None = None
    asked_bytes: int = 0
    shadow_rows: int = 0


def json_response(document: Any) -> Response:
    """Answer 200 with a JSON value."""
    return Response(200, orjson.dumps(document))


def event_response(
    reply: Event, *, prediction: Prediction | None = None, asked_bytes: int = 0, shadow_rows: int = 0
) -> Response:
    """Answer with an event."""
    from eventing.codec import to_binary  # only events pay for the SDK

    sent, body = to_binary(reply)
    headers = tuple((name.lower().encode(), value.encode("latin-1")) for name, value in sent.items())
    return Response(200, body, headers, prediction, asked_bytes, shadow_rows)


def refusal(error: ServingError) -> Response:
    """Answer an error in the protocol's form, `{"error": "..."}`."""
    headers: tuple[tuple[bytes, bytes], ...] = ((b"content-type", JSON),)
    if isinstance(error, MethodNotAllowed):
        headers += ((b"allow", error.allowed.encode()),)
    if isinstance(error, Unauthorized):
        headers += ((b"www-authenticate", b"Bearer"),)
    if isinstance(error, FeaturesAway):
        headers += ((b"retry-after", str(error.retry_after_s).encode()),)
    return Response(error.status, orjson.dumps({"error": str(error)}), headers)
