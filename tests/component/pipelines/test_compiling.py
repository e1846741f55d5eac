"""The pipeline as a cluster gets it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from pipelines.components.image import IMAGE
from pipelines.request import RunRequest


def compiled(path: Path) -> bytes:
    subprocess.run([sys.executable, "-m", "pipelines", "compile", "-o", str(path)], check=True)
    return path.read_bytes()


def test_it_compiles_to_the_same_bytes_each_time_and_to_a_valid_specification(tmp_path: Path) -> None:
    raw = compiled(tmp_path / "first" / "training.yaml")
    assert compiled(tmp_path / "second.yaml") == raw
    specification = pipeline_spec_pb2.PipelineSpec()
    json_format.ParseDict(yaml.safe_load(raw), specification)
    assert specification.pipeline_info.name == "kascade-training"
    declared = set(specification.root.input_definitions.parameters)
    assert declared == {*RunRequest.__annotations__} - {"dataset", "spec", "data_schema"} | {
        f"{name}_{part}" for name in ("dataset", "spec", "schema") for part in ("uri", "sha256")
    } | {"attempt", "cause", "started", "last"}
    assert set(specification.components) >= {f"comp-{n}" for n in ("extract", "experiment", "announce")}


def test_every_component_runs_in_our_image_and_installs_nothing(tmp_path: Path) -> None:
    document = yaml.safe_load(compiled(tmp_path / "training.yaml"))
    executors = document["deploymentSpec"]["executors"].values()
    assert len(executors) == 9
    for executor in executors:
        assert executor["container"]["image"] == IMAGE
        assert "pip install" not in " ".join(executor["container"]["command"])


def test_nothing_branches_on_a_parameter(tmp_path: Path) -> None:
    raw = compiled(tmp_path / "training.yaml").decode()
    assert "condition:" not in raw
