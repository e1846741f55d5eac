"""Trainings with an owner's code, as a JobSink starts them."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from support.training import CHURN_KINDS, churn_table, put_dataset

from eventing.catalogue import Claim
from eventing.store import S3Store
from functions.serve_model.model import load
from pipelines.card import Card, load_card

pytestmark = pytest.mark.slow

RunJob = Callable[..., tuple[int, str]]
StartJob = Callable[..., Any]
Recorded = Any
SPEC = "model: churn\ntarget: churned\ntrain:\n  code: train.py\n"
CODE = """
from xgboost import XGBClassifier

def fit(frame, target, params, seed):
    assert list(target.attrs["classes"]) == ["no", "yes"]
    print("rows", len(frame), "params", params)
    return XGBClassifier(n_estimators=20, random_state=seed, **params).fit(frame, target)
"""


def card_of(store: S3Store, sink: Recorded) -> Card:
    assert sink.types() == ["training.started", "training.completed"], str(sink.events[-1].data)
    return load_card(store, Claim.model_validate(sink.events[-1].data["card"]))


@pytest.mark.timeout(300)
def test_own_code_competes_with_the_candidates_and_its_version_serves_raw_rows(
    store: S3Store, sink: Recorded, start_job: StartJob, tmp_path: Path
) -> None:
    spec = SPEC + (
        "  requirements: requirements.txt\n  params: {max_depth: [2], learning_rate: 0.3}\n"
        "  candidates: [{estimator: decision_tree, grid: {max_depth: [1]}}]\n"
    )
    names = (
        "numpy",
        "pandas",
        "pyarrow",
        "scikit-learn",
        "skl2onnx",
        "onnx",
        "onnxmltools",
        "packaging",
        "xgboost-cpu",
        "ml-dtypes",
    )
    requirements = "".join(f"{name}=={version(name)}\n" for name in names)
    request = put_dataset(
        store,
        [churn_table(200)],
        CHURN_KINDS,
        spec,
        run_id="run-own-code",
        code=CODE,
        requirements=requirements,
    )
    process = start_job(request, ALLOW_CODE="true", CODE_ENVIRONMENTS=str(tmp_path / "environments"))
    log, _ = process.communicate(timeout=280)
    assert process.returncode == 0, log
    card = card_of(store, sink)
    assert log.count("making the environment of requirements.txt") == 1
    assert "params {'learning_rate': 0.3, 'max_depth': 2}" in log
    assert card.own_code == request.code
    told = json.loads(card.to_json())
    assert {each["estimator"] for each in told["experiments"]} == {"decision_tree", "train.py"}
    assert told["chosen"]["estimator"] == "train.py"
    assert told["parity"]["agreeing"] == 1.0
    assert "model.skops" not in card.files
    packages = store.get(card.files["environment.txt"].uri).decode()
    assert "xgboost-cpu==" in packages
    assert "kfp==" not in packages, "it is that of the requirements"
    model = load(store.get(card.files["model.onnx"].uri), "churn", 1, card.files["model.onnx"].sha256)
    rows = churn_table(5).drop_columns(["churned"]).to_pydict()
    probabilities = model.run(model.encoding.encode(rows)).probabilities
    assert probabilities is not None
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(5))


def test_code_that_fails_ends_the_run_with_its_file_and_line(
    store: S3Store, sink: Recorded, run_job: RunJob
) -> None:
    code = "def fit(frame, target, params, seed):\n    return frame['no such column']\n"
    request = put_dataset(
        store, [churn_table(60)], CHURN_KINDS, SPEC, run_id="run-faulty", version=2, code=code
    )
    status, log = run_job(request, ALLOW_CODE="true")
    assert status == 0, log
    assert sink.types() == ["training.started", "training.failed"]
    failed = sink.events[-1].data
    assert failed["step"] == "experiment 0"
    assert failed["error"].startswith("train.py, line 2: KeyError: 'no such column'")
    assert "correct train.py" in failed["fix"]


def test_where_no_code_may_run_the_run_is_refused_and_says_who_can_allow_it(
    store: S3Store, sink: Recorded, run_job: RunJob
) -> None:
    request = put_dataset(
        store, [churn_table(60)], CHURN_KINDS, SPEC, run_id="run-refused", version=3, code=CODE
    )
    status, log = run_job(request)
    assert status == 0, log
    assert sink.types() == ["training.started", "training.failed"]
    assert "runs no code" in sink.events[-1].data["error"]
    assert "--allow-code" in sink.events[-1].data["fix"]


def test_a_job_that_is_killed_while_the_code_runs_leaves_no_process(
    store: S3Store, start_job: StartJob, tmp_path: Path
) -> None:
    code = "import time\n\ndef fit(frame, target, params, seed):\n    print('it runs')\n    time.sleep(600)\n"
    request = put_dataset(
        store, [churn_table(60)], CHURN_KINDS, SPEC, run_id="run-killed-code", version=4, code=code
    )
    process = start_job(request, ALLOW_CODE="true")
    for line in process.stdout:
        if "it runs" in line:
            break
    children = psutil.Process(process.pid).children(recursive=True)
    assert any("runner" in " ".join(child.cmdline()) for child in children)
    os.kill(process.pid, signal.SIGKILL)
    assert psutil.wait_procs(children, timeout=10)[1] == []
