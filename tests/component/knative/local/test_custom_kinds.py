"""Kinds of other platforms in the API: checked by their published fields, left to their controller."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from .conftest import Local

MODELS = ("mlops.seldon.io", "v1alpha1", "default", "models")


@pytest.fixture(scope="module")
def api(make_local: Callable[..., Local]) -> Iterator[client.CustomObjectsApi]:
    local = make_local()
    local.write(
        {
            "apiVersion": "mlops.seldon.io/v1alpha1",
            "kind": "Model",
            "metadata": {"name": "written", "namespace": "default"},
            "spec": {"storageUri": "s3://models/churn/v1"},
        }
    )
    local.start()
    settings = client.Configuration()
    config.load_kube_config(str(local.state / "kubeconfig"), client_configuration=settings)
    yield client.CustomObjectsApi(client.ApiClient(settings))
    assert local.stop() == 0


def model(name: str, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "finalizers": ["seldon.model.finalizer"]}
    return {"metadata": metadata, "spec": {"storageUri": "s3://models/churn/v1", **spec}}


def test_a_manifest_of_such_a_kind_is_applied_and_shown(api: client.CustomObjectsApi) -> None:
    assert (
        api.get_namespaced_custom_object(*MODELS, "written")["spec"]["storageUri"] == "s3://models/churn/v1"
    )


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"storageURI": "s3://x"}, "spec.storageURI: .* did you mean storageUri"),
        ({"replicas": "2"}, "spec.replicas: .*must be an integer"),
        ({"replicas": 2**31}, "spec.replicas: .*must be 2147483647 or less"),
        ({"memory": "a lot"}, "spec.memory: .*must match"),
        ({"storageUri": None}, "spec.storageUri: .*is required"),
        ({"parameters": [{"name": "sha256"}]}, r"spec.parameters\[0\].value: .*is required"),
    ],
)
def test_what_the_published_fields_do_not_allow_is_refused_by_its_place(
    api: client.CustomObjectsApi, spec: dict[str, Any], said: str
) -> None:
    with pytest.raises(ApiException, match=said) as caught:
        api.create_namespaced_custom_object(*MODELS, model("bad", **spec))
    assert caught.value.status == 422


def test_its_controller_writes_the_status_and_lets_it_go(api: client.CustomObjectsApi) -> None:
    api.create_namespaced_custom_object(*MODELS, model("churn"))
    conditions = [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-30T00:00:00Z"}]

    api.patch_namespaced_custom_object_status(*MODELS, "churn", {"status": {"conditions": conditions}})
    api.patch_namespaced_custom_object(*MODELS, "churn", {"spec": {"replicas": 2}})
    seen = api.get_namespaced_custom_object(*MODELS, "churn")
    assert (seen["status"]["conditions"], seen["metadata"]["generation"]) == (conditions, 2)

    api.delete_namespaced_custom_object(*MODELS, "churn")
    assert "deletionTimestamp" in api.get_namespaced_custom_object(*MODELS, "churn")["metadata"]
    with pytest.raises(ApiException, match="already exists"):
        api.create_namespaced_custom_object(*MODELS, model("churn"))
    api.patch_namespaced_custom_object(*MODELS, "churn", {"metadata": {"finalizers": None}})
    with pytest.raises(ApiException, match="not found"):
        api.get_namespaced_custom_object(*MODELS, "churn")
