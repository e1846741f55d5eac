"""Where the parts of a system answer, and by which way: the port of the command line's client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import requests

from kascade.errors import KascadeError

SERVICES = "/apis/serving.knative.dev/v1/namespaces/{}/services"
"""Where the API has the Knative Services of a namespace."""


class CallError(KascadeError):
    """A part of the system did not answer, or refused; the message says which and what it said.

    `status` is the HTTP status of a refusal by the part itself, None when there was no answer of its own.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Address:
    """A URL without a trailing slash, and the headers that a request to it needs."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Reach(Protocol):
    """A way to a system. `session` makes the requests; `advice` says what to do when nobody answers."""

    session: requests.Session
    advice: str

    def service(self, name: str) -> Address:
        """Return where a function answers. Raises: CallError: there is none, or it is not ready."""
        ...

    def broker(self) -> Address:
        """Return where events are sent. Raises: CallError: there is no broker, or it is not ready."""
        ...

    def services(self) -> list[dict[str, Any]] | None:
        """Return the Knative Services that are there; None where this way does not lead to their API."""
        ...

    def waiting(self) -> list[dict[str, Any]] | None:
        """Return what waits for each Trigger, as the local runtime tells; None where nobody tells."""
        ...

    def refusal(self, response: requests.Response) -> CallError | None:
        """Return what somebody on the way said in place of the part that was asked; None: it answered."""
        ...

    def close(self) -> None:
        """End what was started for the way."""
        ...


def is_ready(thing: Mapping[str, Any]) -> bool:
    """Say whether an object's condition Ready is true."""
    conditions = (thing.get("status") or {}).get("conditions") or []
    return any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)


def not_ready(thing: Mapping[str, Any]) -> str:
    """Return why an object is not ready, in its own words."""
    for condition in (thing.get("status") or {}).get("conditions") or []:
        if condition.get("type") == "Ready":
            parts = (condition.get("reason"), condition.get("message"))
            return ": ".join(part for part in parts if part) or "it says nothing yet"
    return "it says nothing yet"
