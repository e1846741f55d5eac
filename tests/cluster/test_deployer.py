"""The deployer's contract, over the real API server and Knative, as the ServiceAccount of roll_out_model.

The tests are those that the twin and the local runtime fulfil; here are what they run against.
"""

from __future__ import annotations

import itertools
import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from cluster.reach import NAMESPACE, Cluster, condition, eventually
from contract.functions.roll_out_model import subject as contract
from contract.functions.roll_out_model.test_deployer import *  # noqa: F403
from contract.functions.roll_out_model.test_knative_deployer import *  # noqa: F403
from kubernetes import client
from support import tiny_models

from eventing.store import S3Store
from functions.roll_out_model.deployer import Deployer, ServedVersion, Traffic, Unavailable
from functions.roll_out_model.knative_deployer import KnativeDeployer
from functions.roll_out_model.knative_service import MODEL_LABEL, ServingOptions
from functions.roll_out_model.kubernetes_objects import KubernetesObjects

STARTS_S = 240.0
"""How long a revision may take to become ready, or to fail for good, on a machine that does much else."""

_numbers = itertools.count(1)
_run = uuid.uuid4().hex[:4]


@dataclass
class Runtime:
    """What the tests know of a platform."""

    api: client.CustomObjectsApi
    folder: Path


class Patient:
    """A deployer whose caller asks again when the platform does not answer, as roll_out_model does."""

    def __init__(self, deployer: Deployer) -> None:
        self._deployer = deployer
        self.former_can_watch = deployer.former_can_watch

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._deployer, name)

        def asked(*args: Any) -> Any:
            deadline = time.monotonic() + STARTS_S
            while True:
                try:
                    return method(*args)
                except Unavailable:
                    if time.monotonic() > deadline:
                        raise

        return asked


@pytest.fixture(scope="session")
def runtime(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Runtime:
    """Return the API as roll_out_model reaches it: with its ServiceAccount's token, and no more rights."""
    folder = tmp_path_factory.mktemp("roll-out-model")
    token = cluster.kubectl("-n", NAMESPACE, "create", "token", "roll-out-model", "--duration=2h").strip()
    (folder / "state").mkdir()
    authority = str(cluster.work / "pki" / "ca.crt")
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "it",
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "clusters": [{"name": "it", "cluster": {"server": cluster.api, "certificate-authority": authority}}],
        "users": [{"name": "it", "user": {"token": token}}],
    }
    (folder / "state" / "kubeconfig").write_text(json.dumps(config))
    settings = client.Configuration(host=cluster.api, api_key={"authorization": f"Bearer {token}"})
    settings.ssl_ca_cert = authority
    settings.retries = False
    return Runtime(client.CustomObjectsApi(client.ApiClient(settings)), folder)


@pytest.fixture
def subject(
    runtime: Runtime, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[contract.Subject]:
    monkeypatch.setattr(contract, "DEADLINE_S", STARTS_S)
    model = f"model-{_run}-{next(_numbers)}"
    store = S3Store.from_env(cluster.store_environment())

    def version(number: int, good: bool) -> ServedVersion:
        data = tiny_models.classifier(tiny_models.numbers("a"), model=model, version=number)
        uri = f"s3://models/{model}/v{number}/model.onnx"
        store.put(uri, data)
        found = ServedVersion(model, number, uri, tiny_models.write(tmp_path, data).sha256)
        return found if good else replace(found, sha256="0" * 64)

    def end_start(_: int) -> None:
        """Nothing to do: a real revision becomes ready, or fails, by itself."""

    def predict(url: str) -> int:
        answer = requests.post(
            f"{cluster.gateway}/v1/models/{model}:predict",
            json={"instances": [[1]]},
            headers={"Host": urlsplit(url).netloc},
            timeout=60,
        )
        answer.raise_for_status()
        return int(answer.json()["model_version"])

    deployer = Patient(
        KnativeDeployer(KubernetesObjects(runtime.api, NAMESPACE), ServingOptions(progress_deadline_s=30))
    )
    yield contract.Subject(
        deployer, model, version, end_start, predict, lambda: contract.redirect_shadow(runtime.api, model)
    )
    # The next one needs its memory.
    cluster.kubectl("-n", NAMESPACE, "delete", "ksvc,trigger", "-l", f"{MODEL_LABEL}={model}", "--wait=false")


def test_it_may_do_no_more_than_it_needs(cluster: Cluster) -> None:
    me = f"--as=system:serviceaccount:{NAMESPACE}:roll-out-model"
    said = cluster.kubectl("-n", NAMESPACE, "auth", "can-i", "--list", me)
    mine = [line.split() for line in said.splitlines() if "knative.dev" in line]
    assert {line[0] for line in mine} == {
        "services.serving.knative.dev",
        "revisions.serving.knative.dev",
        "triggers.eventing.knative.dev",
    }
    for kind in ("pods", "secrets", "brokers.eventing.knative.dev", "deployments.apps"):
        assert cluster.tried("-n", NAMESPACE, "auth", "can-i", "create", kind, me).stdout.strip() == "no"


def test_a_copy_is_ready_to_be_sent_to_a_challenger(subject: contract.Subject, cluster: Cluster) -> None:
    """The shadow's Trigger leads to an address that the broker itself can reach."""
    serve(subject, subject.good(1))  # noqa: F405
    start(subject, subject.good(2), 1)  # noqa: F405
    shift(subject, Traffic(1, 2))  # noqa: F405
    subject.deployer.mirror(subject.model, Traffic(1, 2))

    name = f"shadow-{subject.model}"
    eventually(
        lambda: condition(cluster.objects("triggers", name)[0]).get("status") == "True",
        120,
        what="ready shadow",
    )
    [trigger] = cluster.objects("triggers", name)
    assert (
        trigger["status"]["subscriberUri"].partition("//")[2].partition("/")[0].endswith(".svc.cluster.local")
    )


def test_a_service_that_is_no_models_is_not_touched(runtime: Runtime, cluster: Cluster) -> None:
    """A Service of the installation itself: this cluster lets nobody make one that never starts."""
    deployer = KnativeDeployer(KubernetesObjects(runtime.api, NAMESPACE), ServingOptions())
    before = cluster.objects("services.serving.knative.dev", "ring-timers")[0]["metadata"]["generation"]

    with pytest.raises(Refused, match="is not a model's"):  # noqa: F405
        deployer.deploy(ServedVersion("ring-timers", 1, "s3://x/y", "0" * 64), None)

    after = cluster.objects("services.serving.knative.dev", "ring-timers")[0]["metadata"]["generation"]
    assert after == before
