"""The overlays of Seldon, and what its deployers write, held against the published fields."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from support.manifests import by_name, differences, rendered

from functions.roll_out_model.deployer import ServedVersion, Traffic, Unavailable
from functions.roll_out_model.knative_service import ServingOptions
from functions.roll_out_model.kubernetes_objects import Resource
from functions.roll_out_model.seldon_deployer import SeldonDeployer
from functions.roll_out_model.seldon_roles import SeldonOptions
from functions.roll_out_model.seldon_v1_deployer import SeldonV1Deployer
from functions.roll_out_model.settings import Settings
from knative.local.manifests.patching import merge
from knative.local.resources.kinds import problems_of

Json = dict[str, Any]
LONGEST = "m" * 40
FULL = ServingOptions(
    variables={"K_SINK": "http://broker", "SINK_TOKEN_FILE": "/var/run/sink/token"},
    limits={"cpu": "1", "memory": "512Mi"},
    read_only_root=True,
    service_account="model-servers",
    sink_audience="broker",
)


class Recorder:
    """Objects in memory that notes what was done to which kind, and holds each against its kind's fields."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Json] = {}
        self.done: set[tuple[str, str, str]] = set()

    def _note(self, verb: str, resource: Resource) -> None:
        self.done.add((resource.group, resource.plural, verb))

    def _keep(self, resource: Resource, name: str, body: Json) -> None:
        known = {key: value for key, value in body.items() if key != "status"}
        assert problems_of(known) == []
        body["metadata"]["resourceVersion"] = "1"
        self.objects[str(resource), name] = body

    def get(self, resource: Resource, name: str) -> Json | None:
        self._note("get", resource)
        return self.objects.get((str(resource), name))

    def list(self, resource: Resource, label_selector: str) -> list[Json]:
        self._note("list", resource)
        return [body for (kind, _), body in self.objects.items() if kind == str(resource)]

    def create(self, resource: Resource, body: Json) -> None:
        self._note("create", resource)
        self._keep(resource, body["metadata"]["name"], body)

    def patch(self, resource: Resource, name: str, patch: Json) -> None:
        self._note("patch", resource)
        self._keep(resource, name, merge(self.objects[str(resource), name], patch))

    def delete(self, resource: Resource, name: str) -> None:
        self._note("delete", resource)
        self.objects.pop((str(resource), name), None)


def play(deployer: Any, model: str) -> None:
    """Take a model through everything a deployer is asked for."""
    first, second = (
        ServedVersion(model, n, f"s3://models/{model}/v{n}/model.onnx", "1" * 64) for n in (1, 2)
    )
    deployer.deploy(first, None)
    deployer.deploy(second, 1)
    for traffic in (Traffic(1, 2), Traffic(1, 2, 10)):
        deployer.shift(model, traffic)
    deployer.shift(model, Traffic(1, 2))
    for mirrored in (Traffic(1, 2), Traffic(2, 1), None):
        deployer.mirror(model, mirrored)
    deployer.observe(model)
    with suppress(Unavailable):  # nothing plays the platform here
        deployer.remove(model, 2, first)
    deployer.mirror(model, Traffic(1, 2))
    deployer.delete(model)


def deployer_of(overlay: str, objects: Any) -> Any:
    if overlay == "seldon":
        return SeldonDeployer(objects, "kascade", SeldonOptions(memory="200Mi"))
    return SeldonV1Deployer(objects, FULL, SeldonOptions())


@pytest.mark.parametrize("overlay", ["seldon", "seldon-v1"])
def test_the_overlay_changes_what_roll_out_model_is_told_and_may_do(overlay: str) -> None:
    base, after = by_name(rendered("base")), by_name(rendered(f"overlays/{overlay}"))

    assert base.keys() == after.keys()
    changed = {key for key, body in after.items() if set(differences(base[key], body))}
    assert changed == {("ConfigMap", "model-servers"), ("Role", "roll-out-model")}
    told = after["ConfigMap", "model-servers"]["data"]
    settings = Settings.from_env({**told, "DATABASE_URL": "sqlite://"})
    assert settings.deploy_target == overlay
    assert settings.seldon == SeldonOptions(), "what the overlay says is what holds without it"


@pytest.mark.parametrize("overlay", ["seldon", "seldon-v1"])
def test_the_role_allows_what_the_deployer_does_and_nothing_else(overlay: str) -> None:
    recorder = Recorder()
    play(deployer_of(overlay, recorder), "churn")

    rules = by_name(rendered(f"overlays/{overlay}"))["Role", "roll-out-model"]["rules"]
    allowed = {
        (group, plural, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for plural in rule["resources"]
        for verb in rule["verbs"]
    }
    assert recorder.done == allowed


@pytest.mark.parametrize("overlay", ["seldon", "seldon-v1"])
def test_what_is_written_has_only_published_fields_at_the_longest_name(overlay: str) -> None:
    recorder = Recorder()

    play(deployer_of(overlay, recorder), LONGEST)

    assert recorder.done


def test_a_predictor_is_our_server_as_knative_would_run_it_under_its_own_port() -> None:
    recorder = Recorder()
    SeldonV1Deployer(recorder, FULL, SeldonOptions()).deploy(  # type: ignore[arg-type]
        ServedVersion("churn", 7, "s3://models/churn/v7/model.onnx", "1" * 64), None
    )

    (body,) = recorder.objects.values()
    (predictor,) = body["spec"]["predictors"]
    pod = predictor["componentSpecs"][0]["spec"]
    (container,) = pod["containers"]
    assert container["name"] == predictor["graph"]["name"] == "model"
    assert container["ports"] == [{"name": "http", "containerPort": 8080, "protocol": "TCP"}]
    assert {"name": "MODEL_VERSION", "value": "7"} in container["env"]
    assert {"name": "K_SINK", "value": "http://broker"} in container["env"]
    assert pod["serviceAccountName"] == "model-servers"
    assert predictor["annotations"] == {"seldon.io/no-engine": "true"}
