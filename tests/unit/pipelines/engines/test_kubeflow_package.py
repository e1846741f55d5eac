"""What Kubeflow is given of what a model.yaml asks for, and what it is not given."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from pipelines.engines import Refused
from pipelines.engines.kubeflow_package import Surroundings, pipeline_of
from pipelines.engines.model_limits import ModelLimits
from pipelines.spec import Train, parse_spec

OPERATOR = Surroundings(
    secrets={"object-store": ("AWS_SECRET_ACCESS_KEY",)},
    node_selector={"pool": "cpu", "zone": "a"},
    cpu="1",
    memory="1G",
    limits=ModelLimits(
        cpu="4000m",
        memory="16Gi",
        gpu=2,
        node_selector={"pool": ("cpu", "gpu")},
        secrets={"hugging-face": ("token",)},
    ),
)


def train_of(text: str) -> Train:
    return parse_spec(f"target: y\ntrain: {{code: train.py, {text}}}".encode(), model="m").train


def executors(given: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = given["pipeline_spec"]["deploymentSpec"]["executors"]
    return found


def platform(given: dict[str, Any], step: str) -> dict[str, Any]:
    found: dict[str, Any] = given["platform_spec"]["platforms"]["kubernetes"]["deploymentSpec"]["executors"][
        step
    ]
    return found


def test_what_is_not_asked_for_is_as_the_operator_set_it() -> None:
    given = pipeline_of(None, OPERATOR.for_model(Train()))
    assert given == pipeline_of(None, OPERATOR)
    resources = executors(given)["exec-refit"]["container"]["resources"]
    assert resources["resourceCpuLimit"] == "1"
    assert resources["resourceMemoryRequest"] == "1G"
    assert "CODE_SECRETS" not in yaml.safe_dump(given)


def test_resources_and_nodes_are_for_every_step_and_gpus_and_secrets_for_those_that_fit() -> None:
    asked = train_of(
        "resources: {cpu: 2.5, memory: 8G, gpu: 1}, node_selector: {pool: gpu}, "
        "secrets: {HF_TOKEN: hugging-face/token}"
    )
    given = pipeline_of(None, OPERATOR.for_model(asked))
    for step, executor in executors(given).items():
        container, fits = executor["container"], step in ("exec-experiment", "exec-refit")
        assert container["resources"]["resourceCpuLimit"] == "2.5"
        assert container["resources"]["resourceMemoryLimit"] == "8G"
        assert ("accelerator" in container["resources"]) == fits, step
        assert (container.get("env") == [{"name": "CODE_SECRETS", "value": "HF_TOKEN"}]) == fits, step
        assert platform(given, step)["nodeSelector"]["labels"] == {"pool": "gpu", "zone": "a"}
        names = [each["secretName"] for each in platform(given, step)["secretAsEnv"]]
        assert names == ["object-store", "hugging-face"] if fits else ["object-store"]
    accelerator = executors(given)["exec-refit"]["container"]["resources"]["accelerator"]
    assert (accelerator["resourceType"], accelerator["resourceCount"]) == ("nvidia.com/gpu", "1")


def test_without_caching_no_step_is_taken_from_an_earlier_run_also_not_within_the_exit_handler() -> None:
    assert "enableCache" in yaml.safe_dump(pipeline_of(None, OPERATOR))
    given = pipeline_of(None, OPERATOR.for_model(train_of("caching: false")))
    assert "enableCache" not in yaml.safe_dump(given)
    assert pipeline_of(None, OPERATOR) != given, "the compiled pipeline is not changed for others"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("resources: {cpu: 5}", r"train.resources.cpu is 5, the operator allows 4000m \(STEP_MAX_CPU\)"),
        ("resources: {memory: 17Gi}", r"train.resources.memory is 17Gi, the operator allows 16Gi"),
        ("resources: {gpu: 3}", "train.resources.gpu is 3, the operator allows 2"),
        ("node_selector: {pool: spot}", "train.node_selector has pool=spot, which is not allowed"),
        ("node_selector: {zone: a}", "train.node_selector has zone=a, which is not allowed"),
        ("secrets: {A: hugging-face/other}", "train.secrets.A is hugging-face/other, which is not allowed"),
        ("secrets: {A: object-store/AWS_SECRET_ACCESS_KEY}", "which is not allowed"),
        ("secrets: {AWS_SECRET_ACCESS_KEY: hugging-face/token}", "is a variable of Kascade's own"),
    ],
)
def test_what_the_operator_does_not_allow_is_refused_by_name(asked: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        OPERATOR.for_model(train_of(asked))


def test_where_the_operator_says_nothing_gpus_nodes_and_secrets_are_refused_and_resources_taken() -> None:
    assert Surroundings().for_model(train_of("resources: {cpu: 64, memory: 1T}")).memory == "1T"
    asked = train_of("resources: {gpu: 1}, node_selector: {a: b}, secrets: {A: b/c}")
    with pytest.raises(Refused, match=r"gpu.*node_selector.*secrets"):
        Surroundings().for_model(asked)
    with pytest.raises(Refused, match="allows 1G"):
        Surroundings(memory="1G").for_model(train_of("resources: {memory: 2G}"))
