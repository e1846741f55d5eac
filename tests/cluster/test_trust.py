"""Who may do what on a cluster: accounts, pods, addresses, and who may send to a Broker."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from cluster.reach import NAMESPACE, ROOT, Cluster, condition, eventually, of_a_model

ROLL_OUT = f"--as=system:serviceaccount:{NAMESPACE}:roll-out-model"
POLICY = str(ROOT / "knative" / "components" / "model-services-only" / "policy.yaml")
GUARDED = "kascade-guarded"
OBJECTS = f"""
apiVersion: eventing.knative.dev/v1
kind: Broker
metadata: {{name: default, namespace: {GUARDED}}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: outside, namespace: {GUARDED}}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: stranger, namespace: {GUARDED}}}
---
apiVersion: eventing.knative.dev/v1alpha1
kind: EventPolicy
metadata: {{name: outside, namespace: {GUARDED}}}
spec:
  to: [{{ref: {{apiVersion: eventing.knative.dev/v1, kind: Broker, name: default}}}}]
  from: [{{sub: "system:serviceaccount:{GUARDED}:outside"}}]
"""


@pytest.mark.case("S13", "no token for the API server, on a cluster")
def test_no_pod_has_a_token_for_the_api_server_but_that_of_roll_out_model(cluster: Cluster) -> None:
    with_token = {
        pod["metadata"]["labels"].get("serving.knative.dev/service")
        for pod in cluster.pods()
        if any(volume["name"].startswith("kube-api-access") for volume in pod["spec"].get("volumes", []))
    }
    assert with_token <= {"roll-out-model"}


@pytest.mark.case("S13", "what a model server is given, on a cluster")
def test_a_model_server_is_given_keys_and_no_other_secret(cluster: Cluster, served: object) -> None:
    for pod in [pod for pod in cluster.pods() if of_a_model(pod)]:
        (container,) = [each for each in pod["spec"]["containers"] if each["name"] == "user-container"]
        assert not [source for source in container["envFrom"] if "secretRef" in source]
        assert "WEBHOOK_TOKEN" not in {entry["name"] for entry in container["env"]}


@pytest.mark.case("S13", "the profile restricted takes every pod")
def test_every_pod_that_runs_passes_the_profile_restricted(cluster: Cluster) -> None:
    label = "pod-security.kubernetes.io/enforce=restricted"
    said = cluster.tried("label", "namespace", NAMESPACE, label, "--overwrite", "--dry-run=server")
    assert said.returncode == 0, said.stderr
    assert "violate" not in said.stderr


@pytest.mark.case("S2", "functions are not reached from outside of the cluster")
@pytest.mark.parametrize("function", ["record-events", "evaluate-model", "roll-out-model"])
def test_the_way_in_from_outside_leads_to_no_function(
    cluster: Cluster, served: object, function: str
) -> None:
    (model, *_) = [each for each in cluster.objects("ksvc") if of_a_model(each)]
    host = urlsplit(model["status"]["url"]).netloc.replace(model["metadata"]["name"], function, 1)
    for name in (host, f"{function}.{NAMESPACE}.svc.cluster.local"):
        assert requests.get(cluster.gateway, headers={"Host": name}, timeout=30).status_code == 404


@pytest.fixture
def held(cluster: Cluster) -> Iterator[None]:
    """Hold roll_out_model to what is a model's."""
    cluster.kubectl("apply", "-f", POLICY)
    yield
    cluster.kubectl("delete", "-f", POLICY, "--wait=false")


@pytest.mark.case("S13", "roll-out-model deletes no other Service than a model's, on a cluster")
def test_roll_out_model_may_touch_what_is_a_models_alone(cluster: Cluster, held: None) -> None:
    def tried(*args: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return cluster.tried("-n", NAMESPACE, *args, ROLL_OUT, "--dry-run=server", stdin=stdin)

    eventually(
        lambda: "it is no model's" in tried("delete", "ksvc", "record-events").stderr,
        60,
        what="a policy in force",
    )
    container = {"image": "kascade/serve-model:0.1.0"}
    service: dict[str, Any] = {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": "stray", "namespace": NAMESPACE},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }
    stray = tried("create", "-f", "-", stdin=json.dumps(service))
    assert "has the label kascade.dev/model" in stray.stderr
    service["metadata"]["labels"] = {"kascade.dev/model": "stray"}
    made = tried("create", "-f", "-", stdin=json.dumps(service))
    assert made.returncode == 0, made.stderr


@pytest.fixture
def guarded(cluster: Cluster) -> Iterator[str]:
    """Have a Broker that asks who sends; all others go on as they did. Return its address."""
    before = cluster.objects("configmap", "config-features", namespace="knative-eventing")[0].get("data", {})
    asked = {"authentication-oidc": "enabled", "default-authorization-mode": "allow-all"}
    features(cluster, asked)
    cluster.kubectl("create", "namespace", GUARDED)
    eventually(
        lambda: cluster.tried("apply", "-f", "-", stdin=OBJECTS).returncode == 0, 120, what="EventPolicies"
    )
    eventually(
        lambda: condition(cluster.objects("broker", "default", namespace=GUARDED)[0]).get("status") == "True",
        180,
        what="a Broker that is ready",
    )
    yield cluster.broker.replace(f"/{NAMESPACE}/", f"/{GUARDED}/")
    cluster.tried("delete", "namespace", GUARDED, "--wait=false")
    features(cluster, {name: before.get(name) for name in asked})


def features(cluster: Cluster, data: Mapping[str, str | None]) -> None:
    """Set features of Knative Eventing; None takes one away."""
    patch = json.dumps({"data": data})
    args = ("patch", "configmap", "config-features", "--type", "merge", "-p", patch)
    cluster.kubectl("-n", "knative-eventing", *args)


@pytest.mark.case("S2", "who has no token may not approve a model")
def test_who_is_nobody_or_somebody_else_may_not_send(cluster: Cluster, guarded: str) -> None:
    def send(account: str | None) -> int:
        headers = {
            "ce-specversion": "1.0",
            "ce-id": "forged",
            "ce-source": "/outside",
            "ce-type": "dev.kascade.model.approved",
            "content-type": "application/json",
        }
        if account is not None:
            audience = f"eventing.knative.dev/broker/{GUARDED}/default"
            token = cluster.kubectl("-n", GUARDED, "create", "token", account, "--audience", audience)
            headers["Authorization"] = f"Bearer {token.strip()}"
        data = {"model": "churn", "version": 1, "approved_by": "mallory"}
        return requests.post(guarded, json=data, headers=headers, timeout=60).status_code

    eventually(lambda: send(None) == 401, 60, what="a Broker that asks for a token")
    assert send("stranger") == 403
    assert send("outside") == 202
