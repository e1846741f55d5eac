"""What a real API server, its CRDs and Knative's webhooks make of every overlay. Nothing is stored.

Objects are tried in the namespace `default`, where none of ours are: what cannot be changed in an object that
is there already would be held against the overlay.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from support.manifests import OVERLAYS, Json, rendered

KUBECONFIG = os.environ.get("KASCADE_TEST_KUBECONFIG", "")
pytestmark = [
    pytest.mark.skipif(
        not KUBECONFIG, reason="needs a cluster with Knative: KASCADE_TEST_KUBECONFIG=<a kubeconfig of it>"
    ),
    pytest.mark.timeout(600),
]
# Their CRDs belong to operators that are not there; test_foreign_objects.py holds them against the fields.
FOREIGN = ("ExternalSecret", "RabbitmqBrokerConfig")
# Knative takes no EventPolicy before authentication-oidc is enabled; its fields were looked at before that.
WITHOUT_OIDC = "oidc-authentication feature not enabled"


def tried(manifest: Json) -> subprocess.CompletedProcess[str]:
    command = ["kubectl", "create", "--dry-run=server", "--validate=strict", "-f", "-", "-o", "json"]
    return subprocess.run(
        command,
        input=json.dumps(manifest),
        env={**os.environ, "KUBECONFIG": KUBECONFIG},
        capture_output=True,
        text=True,
        timeout=60,
    )


def elsewhere(manifest: Json) -> Json:
    """Return the object as it would be in the namespace `default`, whose accounts are others."""
    body: Json = json.loads(json.dumps(manifest))
    body["metadata"]["namespace"] = "default"
    if body["kind"] == "Service":
        body["spec"]["template"]["spec"].pop("serviceAccountName", None)
    return body


def values(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from values(inner, f"{at}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from values(inner, f"{at}[{index}]")
    else:
        yield at, value


def complaint(manifest: Json) -> str:
    """Return what the API server has against an object, or what it left out or changed; nothing is well."""
    if manifest["kind"] in (*FOREIGN, "Namespace"):
        return ""
    asked = elsewhere(manifest)
    name = f"{asked['kind']}/{asked['metadata']['name']}"
    done = tried(asked)
    if done.returncode:
        expected = asked["kind"] == "EventPolicy" and WITHOUT_OIDC in done.stderr
        return "" if expected else f"{name} is refused: {done.stderr.strip()}"
    if done.stderr.strip():
        return f"{name}: {done.stderr.strip()}"
    got = dict(values(json.loads(done.stdout)))
    lost = [path for path, value in values(asked) if got.get(path, "nothing") != value]
    return f"{name} loses or changes {lost}" if lost else ""


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_is_taken_as_it_is_written(overlay: str) -> None:
    complaints = [complaint(each) for each in rendered(f"overlays/{overlay}")]
    assert [each for each in complaints if each] == []


def test_a_field_that_does_not_exist_is_refused() -> None:
    (service,) = [each for each in rendered("base") if each["metadata"]["name"] == "ring-timers"][:1]
    service["spec"]["template"]["spec"]["containers"][0]["imagePolicy"] = "Always"
    assert "unknown field" in complaint(service)
