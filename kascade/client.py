"""How the command line speaks to a running system: HTTP, as any other client would."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any, Self

import requests

from eventing.codec import decode, to_binary
from eventing.errors import InvalidEvent
from eventing.event import Event
from kascade.reach.gateway import Gateway
from kascade.reach.port import Address, CallError, Reach
from kascade.system.home import Endpoints

__all__ = ["CallError", "Client"]


class Client:
    """Calls the functions of a system by name, and its broker.

    Args:
        system: the way to it, or where the parts of a local one answer.
        timeout_s: how long one call may take.
    """

    def __init__(self, system: Reach | Endpoints, timeout_s: float = 60) -> None:
        self._reach = Gateway.of_home(system) if isinstance(system, Endpoints) else system
        self._timeout_s = timeout_s

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
        self._send("POST", self._reach.broker(), "", "the broker", data=body, headers=headers)

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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        """End what was started to reach the system."""
        self._reach.close()

    def _call(self, method: str, service: str, path: str, **kwargs: Any) -> requests.Response:
        return self._send(method, self._reach.service(service), path, service, **kwargs)

    def _send(self, method: str, to: Address, path: str, who: str, **kwargs: Any) -> requests.Response:
        headers = {**to.headers, **kwargs.pop("headers", {})}
        url = to.url + path
        try:
            response = self._reach.session.request(
                method, url, timeout=self._timeout_s, headers=headers, **kwargs
            )
        except requests.RequestException as error:
            raise CallError(f"{who} does not answer at {url}: {error}; {self._reach.advice}") from error
        if (refusal := self._reach.refusal(response)) is not None:
            raise refusal
        if not response.ok:
            said = response.text.strip()[:2000]
            raise CallError(f"{who} answered {response.status_code}: {said}", status=response.status_code)
        return response
