"""Each function's func.yaml is one that Knative's func reads, and is about the Service of the base."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from support.manifests import ROOT, of_kind, rendered

# The fields we use, as schema/func_yaml-schema.json of knative/func has them (specVersion 0.36.0). It allows
# no field that it does not know, and asks for the first two.
FUNCTION = {
    "type": "object",
    "required": ["specVersion", "created", "name", "namespace", "runtime", "invoke", "image", "deploy"],
    "additionalProperties": False,
    "properties": {
        "specVersion": {"const": "0.36.0"},
        "created": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"},
        "name": {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"},
        "namespace": {"type": "string"},
        "runtime": {"const": "python"},
        "registry": {"type": "string"},
        "image": {"type": "string"},
        "invoke": {"enum": ["http", "cloudevent"]},
        "deploy": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "namespace": {"type": "string"},
                "image": {"type": "string"},
                "deployer": {"enum": ["knative", "raw", "keda"]},
            },
        },
    },
}
BY_COMPONENT = {
    "launch-training": "overlays/kubeflow",
    "log-experiments": "overlays/mlflow",
    "notify-people": "overlays/notify",
}
FILES = {path.parent.name: path for path in (ROOT / "functions").glob("*/func.yaml")}


def read(path: Path) -> Any:
    """Read a file as func does: a date is text."""
    return yaml.load(path.read_text(), Loader=yaml.BaseLoader)  # noqa: S506 - a loader of text alone


@pytest.mark.parametrize("function", sorted(FILES))
def test_a_functions_file_is_one_that_func_reads(function: str) -> None:
    Draft202012Validator(FUNCTION).validate(read(FILES[function]))


@pytest.mark.parametrize("function", sorted(FILES))
def test_a_functions_file_is_about_its_service(function: str) -> None:
    said, name = read(FILES[function]), function.replace("_", "-")
    tree = BY_COMPONENT.get(name, "base")
    (service,) = [each for each in of_kind(rendered(tree), "Service") if each["metadata"]["name"] == name]
    assert said["name"] == name
    assert said["namespace"] == said["deploy"]["namespace"] == service["metadata"]["namespace"]
    image = service["spec"]["template"]["spec"]["containers"][0]["image"]
    assert said["image"] == said["deploy"]["image"] == image
    assert said["invoke"] == "cloudevent"
