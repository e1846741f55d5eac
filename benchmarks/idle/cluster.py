"""The functions' Services as the system's Kubernetes API shows them, and what the benchmark changes there."""

from __future__ import annotations

import time
from typing import Any

import requests

from benchmarks.idle.processes import wait_until
from kascade.system.home import NAMESPACE, Endpoints

_SERVICES = f"/apis/serving.knative.dev/v1/namespaces/{NAMESPACE}/services"
_PINGS = f"/apis/sources.knative.dev/v1/namespaces/{NAMESPACE}/pingsources"
_SCALE = "autoscaling.knative.dev/min-scale"
_TO_ZERO = {_SCALE: "0", "autoscaling.knative.dev/window": "6s"}
_FUNCTIONS = "app.kubernetes.io/part-of=kascade"
_TIMEOUT_S = 120.0


class Cluster:
    """Speaks to the API and to the gateway of one running system."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints
        self._session = requests.Session()

    def functions(self) -> list[str]:
        """Return the names of all functions' Services."""
        return sorted(each["metadata"]["name"] for each in self._list())

    def scale_to_zero(self) -> list[str]:
        """Return the functions that keep no process while nothing happens."""
        notes = {
            each["metadata"]["name"]: each["spec"]["template"]["metadata"]["annotations"]
            for each in self._list()
        }
        return sorted(name for name, given in notes.items() if given.get(_SCALE, "0") == "0")

    def let_all_scale_to_zero(self) -> None:
        """Stop the clocks, and let every function end after 6 s without a request."""
        for ping in self._call("GET", _PINGS).json()["items"]:
            self._call("DELETE", f"{_PINGS}/{ping['metadata']['name']}")
        body = {"spec": {"template": {"metadata": {"annotations": _TO_ZERO}}}}
        headers = {"Content-Type": "application/merge-patch+json"}
        for name in self.functions():
            self._call("PATCH", f"{_SERVICES}/{name}", json=body, headers=headers)
        wait_until(lambda: all(map(_settled, self._list())), _TIMEOUT_S, "ready revision of each function")

    def seconds_to_answer(self, function: str) -> float:
        """Return how long the answer to one request for a function's readiness took."""
        url = f"{self._endpoints.gateway}/-/services/{NAMESPACE}/{function}/readyz"
        began = time.perf_counter()
        requests.get(url, timeout=_TIMEOUT_S).raise_for_status()
        return time.perf_counter() - began

    def _list(self) -> list[dict[str, Any]]:
        items = self._call("GET", _SERVICES, params={"labelSelector": _FUNCTIONS}).json()["items"]
        return list(items)

    def _call(self, method: str, path: str, **given: Any) -> requests.Response:
        headers = {**self._endpoints.api_headers, **given.pop("headers", {})}
        url = self._endpoints.api + path
        response = self._session.request(method, url, timeout=_TIMEOUT_S, headers=headers, **given)
        response.raise_for_status()
        return response


def _settled(service: dict[str, Any]) -> bool:
    status = service.get("status") or {}
    created = status.get("latestCreatedRevisionName")
    current = status.get("observedGeneration") == service["metadata"]["generation"]
    return bool(current and created and created == status.get("latestReadyRevisionName"))
