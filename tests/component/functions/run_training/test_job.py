"""The job as a JobSink starts it: a process, a real object store, the Kubeflow pipeline under kfp.local."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pyarrow as pa
import pytest
from support.training import CHURN_KINDS, CHURN_SPEC, churn_table, put_dataset

from eventing.event import Event
from eventing.store import S3Store
from pipelines import layout

pytestmark = pytest.mark.slow

RunJob = Callable[..., tuple[int, str]]
StartJob = Callable[..., "subprocess.Popen[str]"]
ONE_TREE = "train: {candidates: [{estimator: decision_tree, grid: {max_depth: [4]}}]}\n"


class Recorded:
    """What the tests use of the recording sink."""

    events: list[Event]
    refusing: bool
    types: Callable[[], list[str]]
    progress: Callable[[], list[Event]]


def leftovers(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "tmp").iterdir())


def test_an_approved_training_becomes_a_version_and_says_so(
    store: S3Store, sink: Recorded, run_job: RunJob, tmp_path: Path
) -> None:
    parts = [churn_table(400), churn_table(200, seed=1)]
    request = put_dataset(store, parts, CHURN_KINDS, CHURN_SPEC, run_id="run-whole")
    status, log = run_job(request)
    assert status == 0, log
    assert sink.types() == ["training.started", "training.completed"]
    numbers = [event.data["number"] for event in sink.progress()]
    assert (numbers, numbers[0]) == (sorted(set(numbers)), 1)
    assert {(event.data["step"], event.data["number"]) for event in sink.progress()} >= {
        ("extract", 1),
        ("experiment", 4),
        ("export", 8),
    }
    payload = sink.events[-1].data
    assert store.get(payload["candidate"]["uri"], payload["candidate"]["sha256"])
    card = json.loads(store.get(payload["card"]["uri"], payload["card"]["sha256"]))
    assert card["run_id"] == "run-whole"
    assert payload["metrics"]["roc_auc"] > 0.7
    assert sink.events[-1].extensions["causationid"] == "approved-run-whole"
    for step in ("extract", "check", "features", "experiment 0", "select", "refit", "evaluate", "export"):
        assert re.search(rf"{step}: done in \d", log), step
    assert leftovers(tmp_path) == []


def test_a_target_of_one_class_fails_once_with_step_and_fix_and_is_not_tried_again(
    store: S3Store, sink: Recorded, run_job: RunJob, tmp_path: Path
) -> None:
    table = pa.table({"x": [float(i) for i in range(50)], "y": ["same"] * 50})
    kinds = {"x": "number", "y": "category"}
    request = put_dataset(store, [table], kinds, "model: flat\ntarget: y\n", run_id="run-flat")
    status, log = run_job(request)
    assert status == 0, log
    assert sink.types() == ["training.started", "training.failed"]
    failed = sink.events[-1].data
    assert failed["step"] == "check"
    assert "one class only: 'same'" in failed["error"]
    assert "another class" in failed["fix"]
    assert leftovers(tmp_path) == []


def wait_for(condition: Callable[[], bool], what: str, deadline_s: float = 60) -> None:
    until = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < until, f"waited {deadline_s} s for {what}"
        time.sleep(0.05)


def runs_a_step(process: subprocess.Popen[str]) -> Callable[[], bool]:
    def check() -> bool:
        children = psutil.Process(process.pid).children(recursive=True)
        return any("executor_main" in " ".join(child.cmdline()) for child in children)

    return check


def kill_in_a_step(process: subprocess.Popen[str], number: signal.Signals) -> int:
    """Signal the job while a step runs; return its exit status once nothing it started is left."""
    wait_for(runs_a_step(process), "the first step")
    children = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, number)
    process.communicate(timeout=30)
    assert psutil.wait_procs(children, timeout=10)[1] == []
    return process.returncode


def test_a_job_that_is_killed_leaves_no_process_and_its_repetition_ends_the_run_once(
    store: S3Store, sink: Recorded, start_job: StartJob, run_job: RunJob, tmp_path: Path
) -> None:
    spec = CHURN_SPEC.replace("model: churn", "model: killed") + ONE_TREE
    request = put_dataset(store, [churn_table(200)], CHURN_KINDS, spec, run_id="run-killed")
    assert kill_in_a_step(start_job(request), signal.SIGKILL) == -signal.SIGKILL
    status, log = run_job(request)
    assert status == 0, log
    assert sink.types() == ["training.started", "training.started", "training.completed"]
    first, again = (event for event in sink.events if event.type.endswith(".started"))
    assert first.id == again.id
    assert len({event.id for event in sink.progress()}) == len(sink.progress()), "each attempt tells its own"
    assert leftovers(tmp_path) == []


def test_a_job_that_is_asked_to_stop_leaves_neither_a_process_nor_a_file(
    store: S3Store, sink: Recorded, start_job: StartJob, tmp_path: Path
) -> None:
    request = put_dataset(store, [churn_table(200)], CHURN_KINDS, CHURN_SPEC, run_id="run-stopped")
    assert kill_in_a_step(start_job(request), signal.SIGTERM) == 128 + signal.SIGTERM
    assert sink.types() == ["training.started"]
    assert leftovers(tmp_path) == []


def test_a_sink_that_is_away_has_the_job_tried_again_and_the_version_is_then_only_announced(
    store: S3Store, sink: Recorded, start_job: StartJob, run_job: RunJob
) -> None:
    spec = CHURN_SPEC.replace("model: churn", "model: away") + ONE_TREE
    request = put_dataset(store, [churn_table(200)], CHURN_KINDS, spec, run_id="run-away")
    process = start_job(request)
    wait_for(lambda: sink.types() == ["training.started"], "the start")
    sink.refusing = True
    log, _ = process.communicate(timeout=100)
    assert process.returncode == 1, log
    card = store.head(f"{request.output}/{layout.CARD}")
    sink.refusing = False
    status, log = run_job(request)
    assert status == 0, log
    assert sink.types()[1:] == ["training.completed"]
    assert store.head(f"{request.output}/{layout.CARD}") == card


def test_a_store_that_is_away_has_the_job_tried_again(
    store: S3Store, sink: Recorded, run_job: RunJob
) -> None:
    request = put_dataset(store, [churn_table(50)], CHURN_KINDS, CHURN_SPEC, run_id="run-nostore")
    status, log = run_job(request, AWS_ENDPOINT_URL_S3="http://127.0.0.1:9", AWS_MAX_ATTEMPTS="1")
    assert status == 1, log
    assert "tried again" in log
    assert sink.events == []


def test_an_event_that_is_none_ends_the_job_with_another_status(
    store: S3Store, sink: Recorded, run_job: RunJob, tmp_path: Path
) -> None:
    request = put_dataset(store, [churn_table(50)], CHURN_KINDS, CHURN_SPEC)
    status, log = run_job(request, K_EVENT_PATH=str(tmp_path / "nowhere"))
    assert status == 2, log
    assert "the event cannot be read" in log


OWN_PIPELINE = """
import sys
from kfp import compiler, dsl

@dsl.component(base_image="python:3.11", install_kfp_package=False)
def hello(model: str, seed: int) -> None:
    print(f"hello from {model} with seed {seed}")

@dsl.pipeline(name="own")
def own(model: str, seed: int) -> None:
    hello(model=model, seed=seed)

compiler.Compiler().compile(own, sys.argv[1])
"""


def test_an_allowed_custom_pipeline_runs_and_must_leave_a_version(
    store: S3Store, sink: Recorded, run_job: RunJob, tmp_path: Path
) -> None:
    script = tmp_path / "own.py"
    script.write_text(OWN_PIPELINE)
    subprocess.run([sys.executable, str(script), str(tmp_path / "own.yaml")], check=True)
    store.ensure_bucket("raw")
    store.put("s3://raw/own/own.yaml", (tmp_path / "own.yaml").read_bytes())
    spec = CHURN_SPEC.replace("churn\n", "own\n", 1) + "train: {pipeline: s3://raw/own/own.yaml}\n"
    request = put_dataset(store, [churn_table(50)], CHURN_KINDS, spec, run_id="run-own")
    status, log = run_job(request, ALLOW_CUSTOM_PIPELINES="true")
    assert status == 0, log
    assert "hello from own with seed 0" in log
    assert sink.types() == ["training.started", "training.failed"]
    assert "without writing card.json" in sink.events[-1].data["error"]
