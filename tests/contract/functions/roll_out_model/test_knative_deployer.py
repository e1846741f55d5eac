"""What the contract of deployers asks of the one for Knative alone."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from kubernetes import client

from functions.roll_out_model.deployer import (
    Observed,
    Refused,
    ServedVersion,
    Unavailable,
)
from functions.roll_out_model.knative_deployer import KnativeDeployer
from functions.roll_out_model.knative_service import ServingOptions
from functions.roll_out_model.kubernetes_objects import KubernetesObjects


def test_a_service_that_is_no_models_is_not_touched(runtime: Any) -> None:
    deployer = KnativeDeployer(KubernetesObjects(runtime.api, "kascade"), ServingOptions())
    place = ("serving.knative.dev", "v1", "kascade", "services")
    container = {"image": "kascade/serve-model:0.1.0"}
    body = {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": "someone", "namespace": "kascade"},
        "spec": {
            "template": {"spec": {"containers": [container]}},
        },
    }
    runtime.api.create_namespaced_custom_object(*place, body)

    for call in (
        lambda: deployer.observe("someone"),
        lambda: deployer.delete("someone"),
        lambda: deployer.deploy(ServedVersion("someone", 1, "s3://x/y", "0" * 64), None),
    ):
        with pytest.raises(Refused, match=r"is not a model's: it has no label kascade\.dev/model=someone"):
            call()
    runtime.api.delete_namespaced_custom_object(*place, "someone")


def test_what_the_platform_does_not_take_is_told_with_its_words(runtime: Any) -> None:
    """Of a namespace that is not there a cluster says only that the account has no right to it."""
    objects = KubernetesObjects(runtime.api, "nowhere")
    deployer = KnativeDeployer(objects, ServingOptions(namespace="nowhere"))

    with pytest.raises((Refused, Unavailable), match="nowhere"):
        deployer.deploy(ServedVersion("churn", 1, "s3://x/y", "0" * 64), None)


def test_a_platform_that_does_not_answer_is_unavailable() -> None:
    settings = client.Configuration(host="http://127.0.0.1:9")
    settings.retries = False
    objects = KubernetesObjects(client.CustomObjectsApi(client.ApiClient(settings)), "kascade")
    deployer = KnativeDeployer(objects, ServingOptions())

    with pytest.raises(Unavailable, match="the API cannot be reached"):
        deployer.observe("churn")


def test_the_api_is_found_by_kubeconfig(runtime: Any) -> None:
    code = (
        "from functions.roll_out_model.settings import Settings\n"
        "from functions.roll_out_model.targets import TARGETS\n"
        "print(TARGETS['knative'](Settings('sqlite://')).observe('nothing'))"
    )
    env = {**os.environ, "KUBECONFIG": str(runtime.folder / "state" / "kubeconfig")}

    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)

    assert done.stdout.strip() == str(Observed()), done.stderr
