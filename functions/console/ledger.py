"""Asks the functions that know: record_events what happened, a model what it takes and what it predicts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import urllib3

Json = dict[str, Any]
RECORD_EVENTS, LOG_INFERENCES = "record-events", "log-inferences"
_MAX_ERROR_CHARS = 500


class NoAnswer(Exception):
    """A function did not answer, or refused; the message is for the person who looks at the page.

    `status` is its answer, None when there was none.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Ledger:
    """A client of the functions of one system. Threads may share it.

    Args:
        services_url: of a function; its name takes the place of `{}`.
        timeout_s: how long an answer is waited for.
    """

    def __init__(self, services_url: str, timeout_s: float) -> None:
        self._services_url = services_url
        self._timeout_s = timeout_s
        self._pool = urllib3.PoolManager(retries=False, maxsize=8)

    def models(self, authorization: str | None = None) -> list[Json]:
        """Return all that is known of each model. Raises: NoAnswer."""
        found: list[Json] = self._get(RECORD_EVENTS, "/models", authorization)["models"]
        return found

    def events(self, authorization: str | None = None, *, wait_s: float = 0, **query: Any) -> list[Json]:
        """Return rows `{"seq", "recorded_at", "event"}`, the oldest first. Raises: NoAnswer.

        Args:
            authorization: what the person who asks has shown.
            wait_s: how long to wait for the first one.
            query: `newest`, `before`, `after`, `type`, `subject`, `correlation`, `limit`.
        """
        asked = {name: value for name, value in query.items() if value not in (None, "")}
        if wait_s:
            asked["wait_s"] = wait_s
        path = f"/events?{urlencode(asked)}"
        found: list[Json] = self._get(RECORD_EVENTS, path, authorization, wait_s)["events"]
        return found

    def newest(self, type_: str, subject: str, limit: int, authorization: str | None = None) -> list[Json]:
        """Return the newest rows of a type about a model, the oldest first. Raises: NoAnswer."""
        return self.events(authorization, newest=1, limit=limit, type=type_, subject=subject)

    def event(self, event_id: str, authorization: str | None = None) -> Json:
        """Return one row, its event whole. Raises: NoAnswer."""
        return self._get(RECORD_EVENTS, f"/events/{quote(event_id, safe='')}", authorization)

    def explain(self, reference: str, authorization: str | None = None) -> Json:
        """Return the trees of causes and effects of a version or an event. Raises: NoAnswer."""
        return self._get(RECORD_EVENTS, f"/explain/{quote(reference)}", authorization)

    def prediction(self, prediction_id: str, authorization: str | None = None) -> Json:
        """Return the answers to one request, with inputs and label, as they are logged. Raises: NoAnswer."""
        return self._get(LOG_INFERENCES, f"/predictions/{quote(prediction_id, safe='')}", authorization)

    def dead_letters(self, authorization: str | None = None) -> list[Json]:
        """Return what nobody took. Raises: NoAnswer."""
        path = "/dead-letters?limit=1000"
        found: list[Json] = self._get(RECORD_EVENTS, path, authorization)["dead_letters"]
        return found

    def redrive(self, letter: int, authorization: str | None = None) -> Json:
        """Send a dead letter's event again. Raises: NoAnswer."""
        return self._ask("POST", RECORD_EVENTS, f"/dead-letters/{letter}/redrive", authorization)

    def discard(self, letter: int, authorization: str | None = None) -> Json:
        """Note that nothing is to be done about a dead letter. Raises: NoAnswer."""
        return self._ask("POST", RECORD_EVENTS, f"/dead-letters/{letter}/discard", authorization)

    def inputs(self, model: str, authorization: str | None = None) -> list[Json]:
        """Return name and datatype of each feature, as the model's metadata say. Raises: NoAnswer."""
        found: list[Json] = self._get(model, f"/v2/models/{model}", authorization)["inputs"]
        return found

    def example(self, model: str, authorization: str | None = None) -> Json:
        """Return a row that a model takes, from its OpenAPI document; empty where it has none."""
        try:
            document = self._get(model, "/openapi.json", authorization)
            path = document["paths"][f"/v1/models/{model}:predict"]["post"]
            examples = path["requestBody"]["content"]["application/json"]["examples"]
            row: Json = examples["one row"]["value"]["instances"][0]
        except (NoAnswer, KeyError, TypeError, IndexError):
            return {}
        return row

    def predict(self, model: str, features: Mapping[str, Any], authorization: str | None = None) -> Json:
        """Return a model's answer to one row. Raises: NoAnswer."""
        body = {"instances": [dict(features)]}
        return self._ask("POST", model, f"/v1/models/{model}:predict", authorization, body=body)

    def _get(self, name: str, path: str, authorization: str | None, wait_s: float = 0) -> Json:
        return self._ask("GET", name, path, authorization, wait_s=wait_s)

    def _ask(
        self,
        method: str,
        name: str,
        path: str,
        authorization: str | None,
        *,
        wait_s: float = 0,
        body: Json | None = None,
    ) -> Json:
        headers = {"Authorization": authorization} if authorization else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            answer = self._pool.request(
                method,
                self._services_url.format(name) + path,
                headers=headers,
                body=None if body is None else json.dumps(body).encode(),
                timeout=self._timeout_s + wait_s,
            )
        except urllib3.exceptions.HTTPError as error:
            raise NoAnswer(f"{name} does not answer: {_reason(error)}") from error
        try:
            reply = json.loads(answer.data)
        except ValueError:
            reply = answer.data.decode("utf-8", "replace").strip()
        if answer.status != 200 or not isinstance(reply, dict):
            raise NoAnswer(f"{name} answers {answer.status}: {_words(reply)}", answer.status)
        return reply


def _reason(error: Exception) -> str:
    """Return an error without the address: it means nothing to who looks at the page."""
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return "it cannot be reached"
    if isinstance(error, urllib3.exceptions.TimeoutError):
        return "it takes too long"
    return "the connection broke"


def _words(reply: Any) -> str:
    if isinstance(reply, Mapping):
        reply = reply.get("error") or "; ".join(map(str, reply.get("problems", ()))) or reply
    return str(reply)[:_MAX_ERROR_CHARS]
