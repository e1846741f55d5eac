"""The models of the serving benchmarks are such as serve_model takes; a server that cannot start says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.features.world import served_model
from benchmarks.serving.models import NAMES, ServedModel, export
from benchmarks.serving.servers import UNLOGGED, start
from pipelines.model_file import check_model


@pytest.mark.parametrize("name", NAMES)
def test_a_model_of_the_comparison_is_one_that_servers_load(name: str, tmp_path: Path) -> None:
    check_model(export(name, tmp_path).path.read_bytes())


def test_a_model_that_looks_features_up_is_one_that_servers_load(tmp_path: Path) -> None:
    check_model(served_model(tmp_path, "http://127.0.0.1:9").path.read_bytes())


def test_a_server_that_ends_at_its_start_says_why(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"no model")
    with pytest.raises(RuntimeError, match="is not ready: serve_model cannot start"):
        start(UNLOGGED, ServedModel("lr", path, "0" * 64), tmp_path, "")
