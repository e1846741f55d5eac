"""The ASGI application: takes a request from the server, finds who answers it, and sends the answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from functools import partial
from time import perf_counter
from typing import Any, TypeVar

from eventing.tokens import PREDICT, Tokens
from functions.serve_model.about import DOCUMENT, PAGE, About
from functions.serve_model.errors import (
    BadRequest,
    Forbidden,
    ServingError,
    TooLarge,
    Unauthorized,
    UnsupportedMedia,
)
from functions.serve_model.explain import Explainer
from functions.serve_model.feature_values import Found
from functions.serve_model.handler import NOTHING, Asked, Inference
from functions.serve_model.inference_log import PredictionLog
from functions.serve_model.metrics import Metrics, exposition
from functions.serve_model.pages import pages_of, refuse, v2_paths
from functions.serve_model.responses import Response, json_response, refusal
from pipelines.prediction_ids import IdSource

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = Mapping[bytes, bytes]
_T = TypeVar("_T")

OFFLOAD_BYTES = 64 << 10
"""A larger body is answered in a thread, so that health and small requests are not held up behind it."""

LOGGED_TYPE = b"dev.kascade.inference.logged"  # the catalogue is slow to import

_MAX_DIGITS = 18
_OF_FORMS = (b"text/plain", b"multipart/form-data")
"""What a web page may send anywhere without asking. curl's own, of -d without a header, is taken for JSON."""

_log = logging.getLogger("kascade.serve_model")


class Application:
    """Serves one model over HTTP."""

    def __init__(
        self,
        inference: Inference,
        ids: IdSource,
        metrics: Metrics,
        log: PredictionLog,
        max_bytes: int,
        tokens: Tokens,
    ) -> None:
        model = inference.model
        self._tokens = tokens
        self._scope = f"{PREDICT}:{model.name}"
        self._log = log
        self._inference = inference
        self._ids = ids
        self._metrics = metrics
        self._max_bytes = max_bytes
        self._pages = pages_of(model)
        self._about = About(model, inference.max_rows, guarded=bool(tokens))
        self._protocols = {f"{path}/infer": "v2" for path in v2_paths(model)}
        self._protocols[f"/v1/models/{model.name}:predict"] = "v1"
        self._explained = {f"{path}/explain": "v2" for path in v2_paths(model)}
        self._explained[f"/v1/models/{model.name}:explain"] = "v1"
        self._explainer = Explainer(inference)
        self._protocols |= dict.fromkeys(self._explained, "explain")
        self._protocols["/"] = "event"
        self._known = dict.fromkeys((*self._pages, PAGE, DOCUMENT, "/metrics"), "GET") | dict.fromkeys(
            self._protocols, "POST"
        )
        self._known["/"] = "GET, POST"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3)."""
        started = perf_counter()
        protocol = self._protocols.get(scope["path"]) if scope["method"] == "POST" else None
        try:
            if protocol is None:
                answer = await self._page(scope)
            else:
                answer = await self._infer(protocol, scope, receive)
        except ServingError as error:
            answer = refusal(error)
        except RecursionError:  # orjson reads deeper values than repr() writes into an error's text
            answer = refusal(BadRequest("the body holds values that are nested too deep"))
        except Exception:
            _log.exception("a request failed: %s %s", scope["method"], scope["path"])
            answer = refusal(ServingError("internal error: the server's log says more"))
        if protocol is not None:
            seconds = perf_counter() - started
            self._metrics.request(protocol, answer.status, seconds)
            if answer.prediction is not None:
                self._metrics.predictions(len(answer.prediction.ids))
                self._log.note(answer.prediction, seconds, answer.asked_bytes)
            elif answer.shadow_rows:
                self._metrics.shadows(answer.shadow_rows)
            elif answer.status >= 500:
                self._log.note_failure()
        length = (b"content-length", str(len(answer.body)).encode())
        await send(
            {"type": "http.response.start", "status": answer.status, "headers": [*answer.headers, length]}
        )
        await send({"type": "http.response.body", "body": answer.body})

    def close(self, timeout_s: float) -> None:
        """Send what the log of predictions still holds, for at most so long."""
        self._log.close(timeout_s)

    async def _page(self, scope: Scope) -> Response:
        path, method = scope["path"], scope["method"]
        if method in ("GET", "HEAD"):
            headers = dict(scope["headers"])
            if self._about.answers(path, headers):
                return await _in_thread(self._about.answer, path, headers)
            page = self._pages.get(path)
            if page is not None:
                return json_response(page())
            if path == "/metrics":
                body, media_type = await _in_thread(exposition, self._metrics)
                return Response(200, body, ((b"content-type", media_type.encode()),))
        raise refuse(path, method, self._inference.model, self._known)

    async def _infer(self, protocol: str, scope: Scope, receive: Receive) -> Response:
        headers = dict(scope["headers"])
        if self._tokens and not (protocol == "event" and _is_copy(headers)):
            self._admit(headers)
        body = await self._body(headers, receive)
        if protocol == "event" or _is_event(headers):
            return await _in_thread(self._event, headers, body, asyncio.get_running_loop())
        if protocol == "explain":
            asked = await _in_thread(self._read, self._explained[scope["path"]], headers, body)
            return await self._explainer.answer(asked, await self._found(asked))
        if len(body) > OFFLOAD_BYTES:
            asked = await _in_thread(self._read, protocol, headers, body)
            return await _in_thread(self._inference.answer, asked, self._ids, await self._found(asked))
        asked = self._read(protocol, headers, body)
        found = NOTHING if asked.question is None else await self._found(asked)
        return self._inference.answer(asked, self._ids, found)

    def _admit(self, headers: Headers) -> None:
        """Let a request in whose token is for this model. Raises: Unauthorized, Forbidden."""
        holder = self._tokens.holder(headers.get(b"authorization", b"").decode("latin-1"))
        if holder is None:
            raise Unauthorized("a token is asked for: send Authorization: Bearer <token>")
        if not holder.may(self._scope):
            raise Forbidden(f"the token of {holder.name} is not for {self._scope}")

    def _read(self, protocol: str, headers: Headers, body: bytes) -> Asked:
        return self._inference.read(protocol, body, _header_length(headers) if protocol == "v2" else None)

    async def _found(self, asked: Asked) -> Found:
        lookup = self._inference.lookup
        return NOTHING if asked.question is None or lookup is None else await lookup.find(asked.question)

    def _event(self, headers: Headers, body: bytes, loop: asyncio.AbstractEventLoop) -> Response:
        from functions.serve_model.cloud_event import answer_event

        lookup = self._inference.lookup
        find = None if lookup is None else partial(lookup.find_from_thread, loop=loop)
        text = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers.items()}
        return answer_event(text, body, self._inference, find)

    async def _body(self, headers: Headers, receive: Receive) -> bytes:
        declared = headers.get(b"content-length")
        if declared is not None and int(declared) > self._max_bytes:
            raise self._too_large(int(declared))
        if headers.get(b"content-encoding", b"identity") != b"identity":
            raise UnsupportedMedia("a content-encoding is not read here: send the body uncompressed")
        if headers.get(b"content-type", b"").lower().startswith(_OF_FORMS) and not _is_event(headers):
            raise UnsupportedMedia("a request is JSON: send it as application/json")
        message = await receive()
        body: bytes = message.get("body", b"")
        if not message.get("more_body"):
            return body
        parts, size = [body], len(body)
        while message.get("more_body"):
            message = await receive()
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._max_bytes:
                raise self._too_large(size)
        return b"".join(parts)

    def _too_large(self, size: int) -> TooLarge:
        return TooLarge(
            f"the body has {size} bytes or more, at most {self._max_bytes} are read (MAX_BODY_BYTES)"
        )


def _is_event(headers: Headers) -> bool:
    return (
        headers.get(b"content-type", b"").startswith(b"application/cloudevents")
        or b"ce-specversion" in headers
    )


def _is_copy(headers: Headers) -> bool:
    """Say whether a champion's batch comes for a shadow, by a name that is known in the cluster alone.

    A Trigger shows no token of ours.
    """
    host = headers.get(b"host", b"").partition(b":")[0].split(b".")
    structured = headers.get(b"content-type", b"").startswith(b"application/cloudevents")
    return host[2:3] == [b"svc"] and headers.get(b"ce-type") == LOGGED_TYPE and not structured


def _header_length(headers: Headers) -> int | None:
    text = headers.get(b"inference-header-content-length")
    if text is None:
        return None
    if not text.isdigit() or len(text) > _MAX_DIGITS:
        got = text[: 2 * _MAX_DIGITS].decode("latin-1")
        raise BadRequest(f"Inference-Header-Content-Length is no whole number of bytes: {got!r}")
    return int(text)


async def _in_thread(work: Callable[..., _T], *args: Any) -> _T:
    return await asyncio.get_running_loop().run_in_executor(None, work, *args)
