"""Brings a new function to the system that runs on this machine, by its Kubernetes API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import requests

from kascade.reach.port import CallError
from kascade.system.home import NAMESPACE, Endpoints
from knative.local.manifests.kustomize import render

_COLLECTIONS = {
    "Service": f"/apis/serving.knative.dev/v1/namespaces/{NAMESPACE}/services",
    "Trigger": f"/apis/eventing.knative.dev/v1/namespaces/{NAMESPACE}/triggers",
}
_TIMEOUT_S = 30


def manifests_of(root: Path, name: str) -> list[dict[str, Any]]:
    """Return the Service and the Trigger of a name as the overlay for one machine has them."""
    bodies = [dict(manifest.body) for manifest in render(root / "knative" / "overlays" / "local")]
    return [body for body in bodies if body["kind"] in _COLLECTIONS and body["metadata"]["name"] == name]


def deploy(system: Endpoints, root: Path, name: str) -> None:
    """Create a function's objects. Raises: CallError: the API does not answer, or refuses one."""
    for body in manifests_of(root, name):
        url = system.api + _COLLECTIONS[body["kind"]]
        try:
            answered = requests.post(url, json=body, timeout=_TIMEOUT_S, headers=system.api_headers)
        except requests.RequestException as error:
            raise CallError(f"the API does not answer at {url}: {error}") from error
        if not answered.ok:
            refusal = f"the API refused the {body['kind']} {name}: {answered.text.strip()[:2000]}"
            raise CallError(refusal, status=answered.status_code)
