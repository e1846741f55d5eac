"""Where the parts of a system answer, and by which way: the port of the command line's client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import requests

from kascade.errors import KascadeError


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

    def refusal(self, response: requests.Response) -> CallError | None:
        """Return what somebody on the way said in place of the part that was asked; None: it answered."""
        ...

    def close(self) -> None:
        """End what was started for the way."""
        ...
