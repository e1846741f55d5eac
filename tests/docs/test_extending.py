"""The recipes of docs/extending.md: their code runs, and the files that they name exist."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eventing.catalogue import PAYLOADS, PREFIX
from functions.detect_drift.columns import number, table
from functions.detect_drift.detection import Options
from functions.roll_out_model.deployer import Deployer
from pipelines.engines import Run, RunState, TrainingEngine
from pipelines.estimators.build import predict, train
from pipelines.estimators.registry import EstimatorSpec

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "extending.md").read_text()
SECTIONS = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def code(section: str) -> str:
    (block,) = re.findall(r"```python\n(.*?)```", SECTIONS[section], re.DOTALL)
    return str(block)


def test_there_is_a_recipe_for_each_part() -> None:
    parts = ("function", "event type", "detector", "estimator", "training engine", "deployer")
    assert list(SECTIONS) == [f"{'An' if part[0] in 'ae' else 'A'} {part}" for part in parts]


def test_every_file_that_a_recipe_names_exists() -> None:
    named = {path for path in re.findall(r"`([a-z_]+/[\w/.-]+)`", PAGE) if "<" not in path}
    assert len(named) > 15
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_every_type_that_a_recipe_subscribes_to_or_emits_exists() -> None:
    named = re.findall(r"--(?:on|emits) ([a-z_.]+)", PAGE)
    assert len(named) >= 5
    assert {PREFIX + name for name in named} <= PAYLOADS.keys()


def test_the_event_type_of_the_recipe_is_registered_with_its_schema() -> None:
    check = """
from eventing.catalogue import PAYLOADS
from eventing.schemas import reference, render
assert PAYLOADS["dev.kascade.model.archived"] is ModelArchived
assert '"uri"' in render(ModelArchived.type)
assert "## model.archived" in reference.render()
"""
    done = subprocess.run(
        [sys.executable, "-c", code("An event type") + check], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_detector_of_the_recipe_sees_a_shift_and_nothing_where_there_is_none() -> None:
    module: dict[str, Any] = {"__name__": "recipe"}
    exec(compile(code("A detector"), "extending.md", "exec"), module)  # noqa: S102 - the page's own code
    rng = np.random.default_rng(0)
    reference = table([number("amount", rng.normal(size=500))])
    same, shifted = (table([number("amount", rng.normal(by, size=500))]) for by in (0.0, 1.0))
    (calm,) = module["detect"](reference, same, Options()).tests
    (alarmed,) = module["detect"](reference, shifted, Options()).tests
    assert alarmed.p_value < 1e-6 < 0.01 < calm.p_value


def test_the_estimator_of_the_recipe_trains() -> None:
    estimator = eval(code("An estimator").partition("\n\n")[2], {"EstimatorSpec": EstimatorSpec})  # noqa: S307
    matrix = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
    target = matrix @ np.array([1.0, 2.0])
    model = train(estimator, {"alpha": 0.01}, matrix, target, seed=0, balanced=False)
    assert np.abs(predict(model, matrix, None) - target).mean() < 0.1


def test_the_training_engine_of_the_recipe_runs_a_pipeline_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    module: dict[str, Any] = {"__name__": "recipe"}
    exec(compile(code("A training engine"), "extending.md", "exec"), module)  # noqa: S102 - the page's own code
    engine: TrainingEngine = module["ProcessEngine"]()
    assert engine.status("run-1").state is RunState.UNKNOWN
    for _ in range(2):
        engine.submit(Run("run-1", {"no": "parameter of the pipeline"}))
    assert len(list(tmp_path.iterdir())) == 1
    deadline = time.monotonic() + 60
    while not (status := engine.status("run-1")).ended:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert status.state is RunState.FAILED
    assert status.failure is not None
    engine.cancel("run-1")
    assert engine.status("run-1") == status


@pytest.mark.parametrize(
    ("section", "port"), [("A training engine", TrainingEngine), ("A deployer", Deployer)]
)
def test_a_recipe_names_every_method_of_its_port(section: str, port: type) -> None:
    methods = [name for name in vars(port) if not name.startswith("_") and callable(vars(port)[name])]
    assert methods
    assert [name for name in methods if not re.search(rf"(`|def ){name}\(", SECTIONS[section])] == []


def test_the_options_of_the_scaffold_are_in_its_help() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kascade", "new", "function", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    text = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
    assert {"--on", "--emits", "--dry-run"} <= set(re.findall(r"--[a-z-]+", text))
    assert "kascade new function retry_training --on training.failed" in text
