"""The way to a system whose gateway this machine reaches."""

from __future__ import annotations

from typing import Any

import requests

from kascade.reach.port import SERVICES, Address, CallError
from kascade.system.home import NAMESPACE, Endpoints

_TIMEOUT_S = 30


class Gateway:
    """The gateway of the local runtime, on this machine or another one."""

    def __init__(self, gateway: str, broker: str, advice: str, api: str | None = None) -> None:
        self.session = requests.Session()
        self.advice = advice
        self._gateway, self._broker, self._api = gateway, broker, api

    @classmethod
    def of_home(cls, endpoints: Endpoints) -> Gateway:
        """Return the way to a system that runs in a state folder of this machine."""
        return cls(endpoints.gateway, endpoints.broker, "is `kascade up` running?", endpoints.api)

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
        if self._api is None:
            return None
        url = self._api + SERVICES.format(NAMESPACE)
        try:
            found: list[dict[str, Any]] = self.session.get(url, timeout=_TIMEOUT_S).json()["items"]
        except (requests.RequestException, LookupError) as error:
            raise CallError(f"the API does not answer at {url}: {error}; {self.advice}") from error
        return found

    def refusal(self, response: requests.Response) -> CallError | None:
        """See `Reach`. What the gateway says of a part that does not answer is as good as its own answer."""
        return None

    def close(self) -> None:
        """See `Reach`."""
        self.session.close()
