"""The manifests as `kubectl kustomize` renders them, and the pods that are in them."""

from __future__ import annotations

import functools
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

Json = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
OVERLAYS = (
    "local",
    "minimal",
    "kafka",
    "rabbitmq",
    "production",
    "kubeflow",
    "airflow",
    "kserve",
    "seldon",
    "seldon-v1",
    "mlflow",
    "notify",
    "features-database",
    "monitoring",
)

BY_COMPONENT = ("launch-training", "log-experiments", "notify-people")
"""Functions that a component brings; other lists name them beforehand."""


def rendered(tree: str) -> list[Json]:
    """Return the objects of a kustomization below knative/."""
    if shutil.which("kubectl") is None:
        pytest.skip("needs kubectl 1.27 or newer on the PATH, as kubernetes.io offers it")
    return [each for each in yaml.safe_load_all(_render(tree)) if each]


@functools.lru_cache
def _render(tree: str) -> str:
    command = ["kubectl", "kustomize", str(ROOT / "knative" / tree)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def by_name(objects: list[Json]) -> dict[tuple[str, str], Json]:
    """Return the objects by kind and name."""
    return {(each["kind"], each["metadata"]["name"]): each for each in objects}


def of_kind(objects: list[Json], kind: str) -> list[Json]:
    return [each for each in objects if each["kind"] == kind]


def pods(objects: list[Json]) -> dict[str, Json]:
    """Return the template of each pod that the objects lead to, by the name of its workload."""
    found = {}
    for each in objects:
        if each["kind"] in ("Service", "Job"):
            found[each["metadata"]["name"]] = each["spec"]["template"]
        if each["kind"] == "JobSink":
            found[each["metadata"]["name"]] = each["spec"]["job"]["spec"]["template"]
    return found


def differences(before: Any, after: Any, at: str = "") -> Iterator[str]:
    """Yield the path of each value that is in one only, or is another in the other."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in {**before, **after}:
            yield from differences(before.get(key), after.get(key), f"{at}.{key}" if at else str(key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differences(one, other, f"{at}[{index}]")
    elif before != after:
        yield at
