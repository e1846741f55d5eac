"""The way to a system whose gateway this machine reaches."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import requests

from kascade.reach.port import SERVICES, Address, CallError
from kascade.system.home import NAMESPACE, Home

TOKEN_VARIABLE = "KASCADE_TOKEN"  # noqa: S105 the name of a variable
"""Holds what a gateway that asks for tokens is shown."""
_TIMEOUT_S = 30


class _Bearer(requests.auth.AuthBase):
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token and "Authorization" not in request.headers:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Gateway:
    """The gateway of the local runtime, on this machine or another one."""

    def __init__(
        self,
        gateway: str,
        broker: str,
        advice: str,
        api: Callable[[], Address] | None = None,
        token: str | None = None,
    ) -> None:
        """`token` is shown with every request; by default the one that KASCADE_TOKEN holds."""
        self.session = requests.Session()
        self.session.auth = _Bearer(token or os.environ.get(TOKEN_VARIABLE, ""))
        self.advice = advice
        self._gateway, self._broker, self._api = gateway, broker, api

    @classmethod
    def of_home(cls, home: Home) -> Gateway:
        """Return the way to a system that runs in a state folder of this machine. Raises: HomeError."""
        found = home.endpoints()
        advice = "is `kascade up` running?"

        def api() -> Address:
            endpoints = home.endpoints()  # the token is another one after each start
            return Address(endpoints.api, endpoints.api_headers)

        return cls(
            found.gateway, found.broker, advice, api, os.environ.get(TOKEN_VARIABLE) or found.api_token
        )

    @classmethod
    def at(cls, url: str) -> Gateway:
        """Return the way to a gateway by its address alone."""
        gateway = url.rstrip("/")
        advice = "is the system up, and is this its address?"
        return cls(gateway, f"{gateway}/{NAMESPACE}/default", advice)

    def service(self, name: str) -> Address:
        """See `Reach`. By path, not by the Host header: a proxy on the way may need that one itself."""
        return Address(f"{self._gateway}/-/services/{NAMESPACE}/{name}")

    def broker(self) -> Address:
        """See `Reach`."""
        return Address(self._broker)

    def services(self) -> list[dict[str, Any]] | None:
        """See `Reach`."""
        return self._ask_api(SERVICES.format(NAMESPACE), "items")

    def waiting(self) -> list[dict[str, Any]] | None:
        """See `Reach`."""
        return self._ask_api("/waiting?events=0", "triggers")

    def _ask_api(self, path: str, key: str) -> list[dict[str, Any]] | None:
        if self._api is None:
            return None
        api = self._api()
        url, headers = api.url + path, dict(api.headers)
        try:
            answered = self.session.get(url, timeout=_TIMEOUT_S, headers=headers)
            found: list[dict[str, Any]] = answered.json()[key]
        except (requests.RequestException, LookupError) as error:
            raise CallError(f"the API does not answer at {url}: {error}; {self.advice}") from error
        return found

    def refusal(self, response: requests.Response) -> CallError | None:
        """See `Reach`. What the gateway says of a part that does not answer is as good as its own answer."""
        return None

    def close(self) -> None:
        """See `Reach`."""
        self.session.close()
