"""The way to a system whose gateway this machine reaches."""

from __future__ import annotations

import requests

from kascade.reach.port import Address, CallError
from kascade.system.home import NAMESPACE, Endpoints


class Gateway:
    """The gateway of the local runtime, on this machine or another one."""

    def __init__(self, gateway: str, broker: str, advice: str) -> None:
        self.session = requests.Session()
        self.advice = advice
        self._gateway, self._broker = gateway, broker

    @classmethod
    def of_home(cls, endpoints: Endpoints) -> Gateway:
        """Return the way to a system that runs in a state folder of this machine."""
        return cls(endpoints.gateway, endpoints.broker, "is `kascade up` running?")

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

    def refusal(self, response: requests.Response) -> CallError | None:
        """See `Reach`. What the gateway says of a part that does not answer is as good as its own answer."""
        return None

    def close(self) -> None:
        """See `Reach`."""
        self.session.close()
