"""How a deployer reaches KServe where it is played."""

from __future__ import annotations

from kubernetes import client
from support.kserve.server import Platform

from functions.roll_out_model.kubernetes_objects import KubernetesObjects


def objects_of(platform: Platform) -> KubernetesObjects:
    """Return the objects of the platform's one namespace."""
    return KubernetesObjects(api_of(platform.url), "kascade")


def api_of(url: str, token: str = "") -> client.CustomObjectsApi:
    """Open an API as whoever has this token."""
    settings = client.Configuration(host=url)
    settings.retries = False
    if token:
        settings.api_key = {"authorization": f"Bearer {token}"}
    return client.CustomObjectsApi(client.ApiClient(settings))
