"""HTTP calls to the functions of a system and to its broker, as any other client would make them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Self

import requests

from eventing.codec import decode, to_binary
from eventing.errors import InvalidEvent
from eventing.event import Event
from kascade.reach.gateway import Gateway
from kascade.reach.port import Address, CallError, Reach


class Calls:
    """Calls functions by name. Threads may share it. Each method may raise CallError and HomeError.

    Args:
        reach: makes the way to the system; called when that is first needed.
        timeout_s: how long one call may take.
    """

    def __init__(self, reach: Callable[[], Reach], *, timeout_s: float) -> None:
        self._open, self._timeout_s = reach, timeout_s
        self._opened: Reach | None = None
        self._lock = threading.Lock()

    def services(self) -> list[dict[str, Any]] | None:
        """Return the Knative Services of functions and models; None by the address of a gateway."""
        return self._reach.services()

    def waiting(self) -> list[dict[str, Any]] | None:
        """Return what waits for each Trigger; None by the address of a gateway, and on a cluster."""
        return self._reach.waiting()

    def page(self, model: str) -> str | None:
        """Return the address of a model's page; None where the way to it ends with this client."""
        return f"{self._reach.service(model).url}/docs" if isinstance(self._reach, Gateway) else None

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

    def close(self) -> None:
        """End what was started to reach the system."""
        if self._opened is not None:
            self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    @property
    def _reach(self) -> Reach:
        with self._lock:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

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
            reply = response.text.strip()[:2000]
            raise CallError(f"{who} answered {response.status_code}: {reply}", status=response.status_code)
        return response
