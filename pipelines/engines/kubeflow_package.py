"""What Kubeflow Pipelines is given to run: the compiled pipeline, and what its pods get on a cluster.

Nothing gives a step's pod the broker's address or the object store's keys unless the pipeline says so, in a
second document beside it, whose form is that of kfp-kubernetes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2 as kubernetes

from pipelines.components.image import IMAGE
from pipelines.engines import Refused
from pipelines.engines.model_limits import ModelLimits
from pipelines.engines.prepare import NO_PIPELINE, declared_parameters
from pipelines.own_code.permission import SECRETS
from pipelines.spec import Train

_FITTING = ("exec-experiment", "exec-refit")
"""The steps of our pipeline that fit models."""
_GPU = "nvidia.com/gpu"


@dataclass(frozen=True)
class Surroundings:
    """What every step's pod gets beside its parameters.

    Attributes:
        config_maps: keys of ConfigMaps that become environment variables, by ConfigMap.
        secrets: keys of Secrets that do, by Secret.
        image: that takes the place of the project's own image; None: as compiled.
        image_pull_secrets: names of Secrets for the registry.
        node_selector: labels of the nodes that steps may run on.
        cpu, memory: what a step asks for and is held to, such as `2` and `4G`; empty: nothing.
        limits: what a model.yaml may ask for instead.
        gpu: how many GPUs the steps get that fit models.
        code_secrets: keys of Secrets, by the variable of an owner's code that each becomes.
        caching: whether Kubeflow may take a step's results from an earlier run.
    """

    config_maps: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    secrets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    image: str | None = None
    image_pull_secrets: tuple[str, ...] = ()
    node_selector: Mapping[str, str] = field(default_factory=dict)
    cpu: str = ""
    memory: str = ""
    limits: ModelLimits = field(default_factory=ModelLimits)
    gpu: int = 0
    code_secrets: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    caching: bool = True

    def for_model(self, train: Train) -> Surroundings:
        """Return them with what a model.yaml asks for. Raises: Refused: the operator does not allow it."""
        taken = {key for of in (self.config_maps, self.secrets) for keys in of.values() for key in keys}
        self.limits.check(train, self, taken)
        asked = train.resources
        return replace(
            self,
            cpu=self.cpu if asked.cpu is None else f"{asked.cpu:g}",
            memory=asked.memory or self.memory,
            gpu=asked.gpu or 0,
            node_selector={**self.node_selector, **train.node_selector},
            code_secrets={name: _split(key) for name, key in train.secrets.items()},
            caching=train.caching,
        )


def pipeline_of(package: bytes | None, surroundings: Surroundings) -> dict[str, Any]:
    """Return `pipeline_spec` of a run: the pipeline, and its platform's document beside it.

    Args:
        package: a compiled pipeline; None: our own. One that brings its own platform's document keeps it.

    Raises: Refused when it is no compiled pipeline.
    """
    if package is not None and declared_parameters(package) is None:
        raise Refused(NO_PIPELINE)
    pipeline, *more = yaml.safe_load_all(package if package is not None else _compiled())
    executors = (pipeline.get("deploymentSpec") or {}).get("executors") or {}
    for name, executor in executors.items():
        _fit(executor.get("container") or {}, surroundings, fits=name in _FITTING)
    if not surroundings.caching:
        _without_caching(pipeline)
    platform = more[0] if more else _platform(executors, surroundings)
    return {"pipeline_spec": pipeline, "platform_spec": platform}


def _without_caching(pipeline: dict[str, Any]) -> None:
    """Have Kubeflow run every step anew."""
    for component in (pipeline.get("root") or {}, *(pipeline.get("components") or {}).values()):
        for task in (component.get("dag") or {}).get("tasks", {}).values():
            task["cachingOptions"] = {}


def _fit(container: dict[str, Any], surroundings: Surroundings, *, fits: bool) -> None:
    """Give a step its image and its resources; one that fits models its GPUs and the names of its secrets."""
    if surroundings.image and container.get("image") == IMAGE:
        container["image"] = surroundings.image
    wanted = {"Cpu": surroundings.cpu, "Memory": surroundings.memory}
    given: dict[str, Any] = {
        f"resource{name}{kind}": value
        for name, value in wanted.items()
        if value
        for kind in ("Limit", "Request")
    }
    if fits and surroundings.gpu:
        count = str(surroundings.gpu)
        given["accelerator"] = {
            "type": _GPU,
            "count": count,
            "resourceType": _GPU,
            "resourceCount": count,
        }
    if fits and surroundings.code_secrets:
        names = " ".join(sorted(surroundings.code_secrets))
        container["env"] = [*container.get("env", []), {"name": SECRETS, "value": names}]
    if given and container:
        container["resources"] = {**given, **container.get("resources", {})}


def _platform(executors: Mapping[str, Any], surroundings: Surroundings) -> dict[str, Any]:
    """Return the platform's document: the same for every step, but for secrets of those that fit models."""
    config = kubernetes.KubernetesExecutorConfig()
    for name, keys in surroundings.config_maps.items():
        added = config.config_map_as_env.add(config_map_name=name, optional=False)
        for key in keys:
            added.key_to_env.add(config_map_key=key, env_var=key)
    for name, keys in surroundings.secrets.items():
        secret = config.secret_as_env.add(secret_name=name, optional=False)
        for key in keys:
            secret.key_to_env.add(secret_key=key, env_var=key)
    for name in surroundings.image_pull_secrets:
        config.image_pull_secret.add(secret_name=name)
    config.node_selector.labels.update(surroundings.node_selector)
    one = json_format.MessageToDict(config)
    for variable, (name, key) in surroundings.code_secrets.items():
        secret = config.secret_as_env.add(secret_name=name, optional=False)
        secret.key_to_env.add(secret_key=key, env_var=variable)
    fitting = json_format.MessageToDict(config)
    by_executor = {name: fitting if name in _FITTING else one for name in executors}
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": by_executor}}}}


def _split(key: str) -> tuple[str, str]:
    name, _, key = key.partition("/")
    return name, key


@cache
def _compiled() -> bytes:
    from pipelines.compiling import compile_training

    with tempfile.TemporaryDirectory() as folder:
        compile_training(Path(folder) / "training.yaml")
        return (Path(folder) / "training.yaml").read_bytes()
