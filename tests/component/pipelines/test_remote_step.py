"""The training pipeline step by step, each in a process of its own, with the object store between them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.receiver import Receiver
from support.training import approve, churn_table, put_dataset

from eventing.catalogue import TrainingApproved
from eventing.store import S3Store
from eventing.testing import build_event
from kascade.system.stores.embedded import EmbeddedStore
from pipelines.__main__ import OWNERS_FAULT
from pipelines.engines.prepare import prepare_run
from pipelines.request import RunRequest

pytestmark = pytest.mark.slow

KINDS = {"amount": "number", "calls": "integer", "churned": "category"}
TREES = (
    "[{estimator: decision_tree, grid: {max_depth: [3]}}, {estimator: decision_tree, grid: {max_depth: [4]}}]"
)
SPEC = f"model: churn\ntarget: churned\ntrain: {{candidates: {TREES}}}\n"


@pytest.fixture(scope="module")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path_factory.mktemp("store") / "objects", 0, "key", "secretsecret") as running:
        yield running


@pytest.fixture
def store(object_store: EmbeddedStore) -> S3Store:
    return S3Store.from_env(object_store.env)


class Steps:
    """Runs steps of one run."""

    def __init__(self, store: S3Store, request: RunRequest, env: dict[str, str]) -> None:
        event = build_event(TrainingApproved.type, approve(request), id_=f"approved-{request.run_id}")
        run = prepare_run(
            store, event, request, attempt="a", started=datetime.now(UTC), last=True, allow_code=False
        )
        self.parameters, self._env = json.dumps(dict(run.parameters)) + "\n", {**os.environ, **env}

    def run(self, *arguments: str) -> tuple[int, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "pipelines", "step", *arguments],
            input=self.parameters,
            env=self._env,
            capture_output=True,
            text=True,
            timeout=110,
        )
        lines = done.stdout.strip().splitlines()
        return done.returncode, json.loads(lines[-1]) if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.timeout(300)
def test_the_steps_one_by_one_make_the_version_and_leave_nothing_behind(
    store: S3Store, object_store: EmbeddedStore, receiver: Receiver
) -> None:
    request = put_dataset(store, [churn_table(200)], KINDS, SPEC)
    steps = Steps(store, request, {**object_store.env, "K_SINK": receiver.url})

    assert steps.run("extract")[0] == 0
    assert steps.run("check")[1] == "roc_auc"
    code, plan = steps.run("features")
    assert (code, plan) == (0, ["0", "1"])
    for index in (*plan, "0"):  # a step may be repeated
        assert steps.run("experiment", "--index", index) == (0, None)
    for name in ("select", "refit", "evaluate", "export"):
        assert steps.run(name) == (0, None)
    assert steps.run("announce") == (0, "dev.kascade.training.completed")

    names = {each.key.removeprefix("churn/v1/") for each in store.list(f"{request.output}/")}
    assert "card.json" in names
    assert not any(name.startswith("steps/") for name in names)


def test_a_step_that_the_data_fails_says_so_by_its_exit_status_and_the_announcement_why(
    store: S3Store, object_store: EmbeddedStore, receiver: Receiver
) -> None:
    table = churn_table(60)
    flat = table.set_column(table.column_names.index("churned"), "churned", [["yes"] * 60])
    request = put_dataset(store, [flat], KINDS, SPEC, run_id="run-flat", version=2)
    steps = Steps(store, request, {**object_store.env, "K_SINK": receiver.url})

    assert steps.run("extract")[0] == 0
    assert steps.run("check")[0] == OWNERS_FAULT
    assert steps.run("announce") == (0, "dev.kascade.training.failed")


def test_a_store_that_is_away_is_no_fault_of_the_owner(
    store: S3Store, object_store: EmbeddedStore, tmp_path: Path
) -> None:
    request = put_dataset(store, [churn_table(60)], KINDS, SPEC, run_id="run-away", version=3)
    away = {**object_store.env, "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}

    assert Steps(store, request, away).run("extract")[0] == 1
