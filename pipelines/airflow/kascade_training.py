"""The DAGs that train in Airflow 3: put this file into the folder of your DAGs.

It needs nothing but Airflow. Each task runs a step of Kascade's training pipeline, by the Python that the
variable KASCADE_PYTHON of the worker's environment names, where Kascade is installed; that environment also
says where the object store and the Broker are. `launch_training` starts the runs, with parameters as `conf`.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException

TAGS = ["kascade"]
RETRIES = {"retries": 2, "retry_delay": timedelta(seconds=10)}
OWNERS_FAULT = 65
"""The exit status of a step that would fail in the same way again."""


def kascade(*arguments: str) -> Any:
    """Run `python -m pipelines …` with the run's parameters; return the JSON in its last line."""
    conf = get_current_context()["dag_run"].conf or {}
    python = os.environ.get("KASCADE_PYTHON", "python3")
    process = subprocess.Popen(
        [python, "-m", "pipelines", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018
    process.stdin.write(json.dumps(conf["parameters"]) + "\n")
    process.stdin.flush()
    last = "null"
    try:
        for line in process.stdout:
            print(line, end="", flush=True)
            last = line.strip() or last
        code = process.wait()
    finally:
        process.stdin.close()  # ends it when this task is ended
        process.kill()
    if code == OWNERS_FAULT:
        raise AirflowFailException("the step failed for the data or the model.yaml; see its log")
    if code != 0:
        raise RuntimeError(f"the step ended with {code}; see its log")
    try:
        return json.loads(last)
    except ValueError:
        return None


def announce() -> None:
    """Say how the run ended; a run without a version has failed in Airflow too."""
    if str(kascade("step", "announce")).endswith(".failed"):
        raise AirflowFailException("training.failed was announced")


with DAG("kascade_training", schedule=None, catchup=False, tags=TAGS, default_args=RETRIES) as training:

    @task(multiple_outputs=False)
    def step(name: str) -> Any:
        return kascade("step", name)

    @task
    def experiment(index: str) -> None:
        kascade("step", "experiment", "--index", index)

    def named(name: str) -> Any:
        return step.override(task_id=name)(name)

    plan = named("features")
    named("extract") >> named("check") >> plan
    announced = task(announce, task_id="announce", trigger_rule="all_done")()
    tried = experiment.expand(index=plan)
    tried >> named("select") >> named("refit") >> named("evaluate") >> named("export") >> announced

with DAG("kascade_custom", schedule=None, catchup=False, tags=TAGS) as custom:

    @task(retries=0)
    def pipeline() -> None:
        conf = get_current_context()["dag_run"].conf or {}
        with tempfile.TemporaryDirectory() as folder:
            package = Path(folder) / "package.yaml"
            package.write_bytes(base64.b64decode(conf["package"]))
            kascade("run", "--workspace", folder, "--package", str(package), "--with-parent")

    pipeline()
