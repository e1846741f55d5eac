"""Trainings logged to a real MLflow server, and to one that is away, hangs, or refuses."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from support.mlflow import MISSING, Mlflow, program
from support.training import CHURN_KINDS, CHURN_SPEC, churn_table, put_dataset, train

from eventing.catalogue import Payload, TrainingCompleted, TrainingFailed
from eventing.errors import RetryLater
from eventing.event import Event
from eventing.store import MemoryStore
from eventing.testing import HandlingFailed, build_event, handle
from functions.log_experiments.app import create_app
from functions.log_experiments.handler import Handler
from functions.log_experiments.settings import Settings
from functions.log_experiments.tracking import Tracking
from pipelines.announcement import completed
from pipelines.records import read_card

FAST = "train: {candidates: [{estimator: logistic_regression, grid: {C: [0.1, 1]}}]}\n"
pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("default::DeprecationWarning", "default::FutureWarning"),
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[MemoryStore, Event]:
    """Return a store with a version in it, and what announces that."""
    store = MemoryStore()
    request = put_dataset(store, [churn_table(200)], CHURN_KINDS, CHURN_SPEC + FAST)
    train(store, request, tmp_path_factory.mktemp("training"))
    found = read_card(store, request.output, request.run_id)
    assert found is not None
    return store, completed(request, build_event("dev.kascade.training.approved", id_="cause"), *found)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mlflow]:
    if program() is None:
        pytest.skip(MISSING)
    found = Mlflow(tmp_path_factory.mktemp("mlflow"))
    try:
        found.start()
        yield found
    finally:
        found.stop()


def app_of(url: str, store: MemoryStore, prefix: str = "", timeout_s: int = 60) -> Flask:
    return create_app(Settings(url, prefix, timeout_s, deadline_s=250), store=store)


def deliver(app: Flask, event: Event) -> None:
    """Deliver an event until it is taken, as a broker does."""
    for _ in range(10):
        try:
            handle(app, event)
        except HandlingFailed as failed:
            if failed.status != 503:
                raise
        else:
            return
    raise AssertionError("it was not taken")


def runs(server: Mlflow, name: str) -> tuple[Run, list[Run]]:
    """Return the one training of an experiment, and the experiments below it."""
    client = MlflowClient(server.url)
    experiment = client.get_experiment_by_name(name)
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id])
    below = [run for run in found if "mlflow.parentRunId" in run.data.tags]
    (parent,) = [run for run in found if run not in below]
    assert {run.data.tags["mlflow.parentRunId"] for run in below} <= {parent.info.run_id}
    return parent, sorted(below, key=lambda run: int(run.data.tags["kascade.experiment"]))


def test_a_training_is_logged_with_its_experiments_files_and_digests(
    server: Mlflow, trained: tuple[MemoryStore, Event], tmp_path: Path
) -> None:
    store, event = trained
    assert handle(app_of(server.url, store), event) is None
    run, below = runs(server, "churn")
    client = MlflowClient(server.url)

    assert (run.info.status, run.info.run_name) == ("FINISHED", "churn/v1")
    assert run.data.metrics["roc_auc"] == pytest.approx(event.data["metrics"]["roc_auc"])
    assert run.data.params["estimator"] == "logistic_regression"
    tags = run.data.tags
    assert (tags["kascade.version"], tags["kascade.event"]) == ("1", event.id)
    assert tags["kascade.dataset"] == event.data["dataset_digest"]
    folds = client.get_metric_history(run.info.run_id, "cv_roc_auc")
    assert [each.step for each in folds] == [0, 1, 2, 3, 4]
    assert [each.data.params["C"] for each in below] == ["0.1", "1"]
    assert {each.info.status for each in below} == {"FINISHED"}
    assert all("cv_roc_auc_mean" in each.data.metrics for each in below)
    copy = client.download_artifacts(run.info.run_id, "model/model.onnx", str(tmp_path))
    assert Path(copy).read_bytes() == store.get(event.data["candidate"]["uri"])


def test_a_redelivery_and_two_at_once_log_no_run_twice(
    server: Mlflow, trained: tuple[MemoryStore, Event]
) -> None:
    store, event = trained
    apps = [app_of(server.url, store, "twice/") for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        for answer in [pool.submit(deliver, app, event) for app in apps]:
            answer.result()
    handle(apps[0], event)
    run, below = runs(server, "twice/churn")
    assert len({each.data.tags["kascade.experiment"] for each in below}) == 2
    history = MlflowClient(server.url).get_metric_history(run.info.run_id, "cv_roc_auc")
    assert len(history) == 5


def test_what_was_cut_short_by_the_deadline_is_gone_on_with(
    server: Mlflow, trained: tuple[MemoryStore, Event]
) -> None:
    store, event = trained
    app_of(server.url, store)  # it says how long MLflow's client waits
    payload = TrainingCompleted.model_validate(event.data)

    def taken() -> bool:
        """Let a delivery make so many calls and no more."""
        tracking = Tracking(server.url, deadline_s=12, clock=count().__next__)
        try:
            Handler(store, lambda: tracking, "slow/")(event, payload)
        except RetryLater as error:
            return "is slow" not in str(error)
        return True

    deliveries = [taken() for _ in range(6)]
    assert not deliveries[0]
    assert deliveries[-1]
    run, below = runs(server, "slow/churn")
    assert run.info.status == "FINISHED"
    assert [each.info.status for each in below] == ["FINISHED"] * 2


def test_a_failed_training_is_logged_as_failed_and_as_finished_if_it_completes_after_all(
    server: Mlflow, trained: tuple[MemoryStore, Event]
) -> None:
    store, event = trained
    app = app_of(server.url, store, "late/")
    failed = TrainingFailed(
        model="churn",
        version=1,
        run_id=event.data["run_id"],
        step="lease",
        error="silent 'so' \" long",
        fix="wait",
    )
    handle(app, build_event(TrainingFailed.type, failed, id_="failed"))
    run, _ = runs(server, "late/churn")
    assert run.info.status == "FAILED"
    assert run.data.tags["kascade.error"] == failed.error
    handle(app, event)
    handle(app, build_event(TrainingFailed.type, failed, id_="failed again"))
    assert runs(server, "late/churn")[0].info.status == "FINISHED"


def test_an_account_is_asked_for_and_taken_from_the_environment(
    trained: tuple[MemoryStore, Event], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if program() is None:
        pytest.skip(MISSING)
    store, event = trained
    server = Mlflow(tmp_path / "mlflow", password="a password of the tests")
    try:
        server.start()
        with pytest.raises(HandlingFailed) as refused:
            handle(app_of(server.url, store), event)
        assert refused.value.status == 503
        assert b"401" in refused.value.body
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "a password of the tests")
        handle(app_of(server.url, store), event)
        assert runs(server, "churn")[0].info.status == "FINISHED"
    finally:
        server.stop()


@pytest.fixture
def peer() -> Iterator[Callable[[int], str]]:
    """Start servers that answer everything with one status, or, with 0, never."""
    started: list[ThreadingHTTPServer] = []
    over = threading.Event()

    def start(status: int) -> str:
        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if status == 0:
                    over.wait(20)
                    return
                self.send_response(status)
                self.end_headers()
                self.wfile.write(b"no")

            do_POST = do_GET  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        started.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    over.set()
    for server in started:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 0])
def test_a_server_that_refuses_or_hangs_has_the_event_delivered_again(
    status: int, peer: Callable[[int], str], trained: tuple[MemoryStore, Event]
) -> None:
    store, event = trained
    with pytest.raises(HandlingFailed) as refused:
        handle(app_of(peer(status), store, timeout_s=1), event)
    assert refused.value.status == 503
    assert b"MLflow at http://127.0.0.1" in refused.value.body


def test_a_server_that_is_away_and_its_password_in_the_address_are_told_apart(
    trained: tuple[MemoryStore, Event],
) -> None:
    store, event = trained
    with pytest.raises(HandlingFailed) as refused:
        handle(app_of("http://ann:secret@127.0.0.1:9", store), event)
    assert refused.value.status == 503
    assert b"MLflow at http://127.0.0.1:9 would not" in refused.value.body


def test_an_event_of_another_type_is_not_taken(trained: tuple[MemoryStore, Event]) -> None:
    with pytest.raises(HandlingFailed) as refused:
        handle(
            app_of("http://127.0.0.1:9", trained[0]), build_event("dev.kascade.training.started", Payload())
        )
    assert refused.value.status == 422
