"""How the command line speaks to a running system: HTTP through the gateway, as any other client would."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import requests

from eventing.cli.home import NAMESPACE, Endpoints
from eventing.codec import decode, to_binary
from eventing.errors import InvalidEvent
from eventing.event import Event


class CallError(Exception):
    """A part of the system did not answer, or refused; the message says which and what it said.

    `status` is the HTTP status of a refusal, None when there was no answer.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Client:
    """Calls the services behind the gateway by name, and the broker.

    Args:
        endpoints: where the gateway and the broker answer.
        timeout_s: how long one call may take.
    """

    def __init__(self, endpoints: Endpoints, timeout_s: float = 60) -> None:
        self._endpoints = endpoints
        self._timeout_s = timeout_s
        self._session = requests.Session()

    def get(self, service: str, path: str, **query: Any) -> Any:
        """Return the JSON that a service answers to a GET."""
        params = {key: value for key, value in query.items() if value is not None}
        return self._call("GET", service, path, params=params).json()

    def post(self, service: str, path: str, body: Any) -> Any:
        """POST a JSON body to a service and return the JSON it answers."""
        return self._call("POST", service, path, json=body).json()

    def invoke(self, service: str, event: Event) -> Event | None:
        """POST an event to one service, past the broker, and return the event it replies with."""
        headers, body = to_binary(event)
        response = self._call("POST", service, "/", data=body, headers=headers)
        try:
            return decode(dict(response.headers), response.content) if response.content else None
        except InvalidEvent as error:
            raise CallError(f"{service} answered with something that is no event: {error}") from error

    def emit(self, event: Event) -> None:
        """POST an event to the broker."""
        headers, body = to_binary(event)
        self._send("POST", self._endpoints.broker, "the broker", data=body, headers=headers)

    def events(
        self, *, after: int = 0, wait_s: float = 0, deadline: float = math.inf, **query: Any
    ) -> Iterator[dict[str, Any]]:
        """Yield what the ledger holds after a sequence number.

        Args:
            wait_s: how long the ledger holds each request open for more; 0 ends with what there is.
            deadline: the `time.monotonic()` at which waiting ends.
        """
        while time.monotonic() < deadline:
            page = self.get("record-events", "/events", after=after, wait_s=wait_s or None, **query)
            yield from page["events"]
            if not page["events"] and not wait_s:
                return
            after = page["next"]

    def _call(self, method: str, service: str, path: str, **kwargs: Any) -> requests.Response:
        # By path: functions are cluster-local, so no name for outsiders leads to them.
        url = f"{self._endpoints.gateway}/-/services/{NAMESPACE}/{service}{path}"
        return self._send(method, url, service, **kwargs)

    def _send(self, method: str, url: str, who: str, **kwargs: Any) -> requests.Response:
        try:
            response = self._session.request(method, url, timeout=self._timeout_s, **kwargs)
        except requests.RequestException as error:
            raise CallError(f"{who} does not answer at {url}: {error}; is `kascade up` running?") from error
        if not response.ok:
            said = response.text.strip()[:2000]
            raise CallError(f"{who} answered {response.status_code}: {said}", status=response.status_code)
        return response
