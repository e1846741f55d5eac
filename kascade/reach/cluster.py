"""Reaches the functions and the Broker of a cluster through its API server; no ingress is needed.

A function's revision is called through Knative's activator, which starts one that rests. Its own Kubernetes
Service will not do: while the activator stands before it, the Service's endpoints are pods of another
namespace, and to those the API server does not lead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from kascade.reach.kubectl import KubectlProxy
from kascade.reach.port import SERVICES, Address, CallError, not_ready
from kascade.reach.unix_socket import UnixSocketAdapter

_BASE = "http://localhost"
_ACTIVATOR = "/api/v1/namespaces/knative-serving/services/http:activator-service:80/proxy"
_BROKERS = "/apis/eventing.knative.dev/v1/namespaces/{}/brokers/default"
_PORTS = {"http": 80, "https": 443}
_IN_CLUSTER = re.compile(r"([a-z0-9-]+)\.([a-z0-9-]+)\.svc(\..+)?")
_NO_REVISION = "Error getting active endpoint"
_TIMEOUT_S = 60
_STRANGER = (
    "the Broker asks for a token, which the API server would not pass on: send the event from a pod that has "
    "one (docs/cluster.md, Which overlay)"
)
_RIGHTS = "docs/operations.md, On a cluster, lists the rights that a person needs"


class Cluster:
    """The way into one namespace of a cluster.

    Args:
        context: of the kubeconfig; None is its current one.
        namespace: where the functions and the Broker are.

    Raises:
        CallError: kubectl is missing, or does not know the context.
    """

    def __init__(self, context: str | None, namespace: str) -> None:
        self._namespace = namespace
        self._proxy = KubectlProxy(context)
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.mount("http://", UnixSocketAdapter(self._proxy.socket))
        self.advice = "see `kubectl cluster-info`"

    def service(self, name: str) -> Address:
        """See `Reach`."""
        found = self._get(f"{SERVICES.format(self._namespace)}/{quote(name, safe='')}", "Knative Serving")
        if found is None:
            raise self._absent(f"no Knative Service {name}")
        targets = (found.get("status") or {}).get("traffic") or []
        by_share = sorted(targets, key=lambda each: each.get("percent") or 0)
        revision = by_share[-1].get("revisionName") if by_share else None
        if not revision:
            raise CallError(f"{name} is not ready: {not_ready(found)}")
        headers = {
            "Knative-Serving-Namespace": self._namespace,
            "Knative-Serving-Revision": str(revision),
        }
        return Address(_BASE + _ACTIVATOR, headers)

    def broker(self) -> Address:
        """See `Reach`. Each class of Broker has its own address, so its status is asked for it."""
        found = self._get(_BROKERS.format(self._namespace), "Knative Eventing")
        if found is None:
            raise self._absent("no Broker default")
        published = ((found.get("status") or {}).get("address") or {}).get("url")
        if not published:
            raise CallError(f"the Broker is not ready: {not_ready(found)}")
        url = urlsplit(published)
        inside = _IN_CLUSTER.fullmatch(url.hostname or "")
        if inside is None or url.scheme not in _PORTS:
            raise CallError(f"the Broker's address {published} is no Service of the cluster")
        service = f"{url.scheme}:{inside[1]}:{url.port or _PORTS[url.scheme]}"
        return Address(f"{_BASE}/api/v1/namespaces/{inside[2]}/services/{service}/proxy{url.path}")

    def services(self) -> list[dict[str, Any]] | None:
        """See `Reach`."""
        found = self._get(SERVICES.format(self._namespace), "Knative Serving")
        if not found or not found["items"]:
            raise self._absent("no Knative Service")
        return list(found["items"])

    def waiting(self) -> None:
        """See `Reach`. Knative tells nobody."""

    def refusal(self, response: requests.Response) -> CallError | None:
        """See `Reach`. The API server's answers are objects of kind Status, the activator's plain text."""
        if response.ok:
            return None
        status = _status(response)
        if status is not None:
            return _refused(response.status_code, status)
        if response.status_code == requests.codes.unauthorized:
            return CallError(_STRANGER, status=response.status_code)
        if response.status_code == requests.codes.not_found and response.text.startswith(_NO_REVISION):
            return CallError(f"Knative's activator: {response.text.strip()}")
        return None

    def close(self) -> None:
        """See `Reach`."""
        self.session.close()
        self._proxy.close()

    def _get(self, path: str, installs: str) -> dict[str, Any] | None:
        """Return an object of the API; None when there is none. `installs` is what brings its kind."""
        try:
            response = self.session.get(_BASE + path, timeout=_TIMEOUT_S)
        except requests.RequestException as error:
            raise CallError(f"kubectl does not answer: {error}") from error
        status = None if response.ok else _status(response)
        if response.ok:
            found: dict[str, Any] = response.json()
            return found
        if response.status_code == requests.codes.not_found:
            if status is not None:
                return None
            raise CallError(f"{installs} is not installed in this cluster: its API is not there")
        if status is not None:
            raise _refused(response.status_code, status)
        raise CallError(f"the API server does not answer: {response.text.strip()[:500]}; {self.advice}")

    def _absent(self, what: str) -> CallError:
        """Tell what is missing: the namespace, or Kascade in it, or only this."""
        where = f"namespace {self._namespace}"
        try:
            found = self._get(f"/api/v1/namespaces/{self._namespace}", "Kubernetes")
        except CallError:  # who may not look at namespaces is told of the thing alone
            return CallError(f"there is {what} in the {where}")
        if found is None:
            return CallError(
                f"there is no {where} in this cluster; k8s://CONTEXT/NAMESPACE names another one"
            )
        return CallError(f"there is {what} in the {where}; is Kascade installed there?")


def _status(response: requests.Response) -> Mapping[str, Any] | None:
    """Return the API server's Status, if the answer is one."""
    try:
        body = response.json()
    except ValueError:
        return None
    ours = isinstance(body, dict) and body.get("kind") == "Status" and body.get("apiVersion") == "v1"
    return body if ours else None


def _refused(code: int, status: Mapping[str, Any]) -> CallError:
    message = str(status.get("message") or status.get("reason") or code)
    if code == requests.codes.forbidden:
        return CallError(f"the cluster refuses: {message}; {_RIGHTS}")
    if code == requests.codes.unauthorized:
        return CallError(f"the cluster does not know you ({message}); see `kubectl auth whoami`")
    return CallError(f"the API server answered {code}: {message}")
