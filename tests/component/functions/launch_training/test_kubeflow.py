"""A whole training in Kubeflow Pipelines: its server's twin, the compiled pipeline, a real object store."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from support.kubeflow import KubeflowServer
from support.training import churn_table, put_dataset

from eventing.codec import decode
from eventing.event import Event
from eventing.store import S3Store
from functions.launch_training.settings import Settings
from kascade.system.stores.embedded import EmbeddedStore
from pipelines.engines.kubeflow import Connection, KubeflowEngine
from pipelines.engines.kubeflow_package import Surroundings
from pipelines.engines.model_limits import ModelLimits
from pipelines.request import RunRequest

from .conftest import CODE, CODE_SPEC, KINDS, SPEC, Launching, check_card

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]

STORE_KEYS = ("AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")
SURROUNDINGS = Surroundings(
    config_maps={"broker": ("K_SINK",)},
    secrets={"object-store": STORE_KEYS},
    image="registry.example/train:1",
    limits=ModelLimits(secrets={"hugging-face": ("token",)}),
)


class Sink:
    """An HTTP sink; it refuses for good while `refusing`."""

    def __init__(self) -> None:
        self.url = ""
        self.events: list[Event] = []
        self.refusing = False


@pytest.fixture(scope="module")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path_factory.mktemp("store") / "objects", 0, "key", "secretsecret") as running:
        yield running


@pytest.fixture
def sink() -> Iterator[Sink]:
    sink = Sink()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if not sink.refusing:
                sink.events.append(decode(dict(self.headers), body))
            self.send_response(403 if sink.refusing else 202)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    sink.url = f"http://127.0.0.1:{server.server_port}/"
    yield sink
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def kubeflow(tmp_path: Path, object_store: EmbeddedStore, sink: Sink) -> Iterator[KubeflowServer]:
    twin = KubeflowServer(tmp_path / "kubeflow", token="let me in")
    twin.cluster.config_maps["broker"] = {"K_SINK": sink.url}
    twin.cluster.secrets["object-store"] = {name: object_store.env[name] for name in STORE_KEYS}
    twin.cluster.secrets["hugging-face"] = {"token": "hush, hush"}
    with twin.serving():
        yield twin


@pytest.fixture
def in_kubeflow(
    settings: Settings,
    database: Engine,
    kubeflow: KubeflowServer,
    object_store: EmbeddedStore,
    tmp_path: Path,
) -> Launching:
    token = tmp_path / "token"
    token.write_text("let me in")
    connection = Connection(kubeflow.url, token_file=str(token), pages="http://kubeflow.example")
    engine = KubeflowEngine(connection, SURROUNDINGS)
    return Launching(database, settings, S3Store.from_env(object_store.env), engine)


@pytest.fixture
def dataset(in_kubeflow: Launching, tmp_path: Path) -> RunRequest:
    return put_dataset(in_kubeflow.store, [churn_table(200)], KINDS, SPEC, run_id=tmp_path.name)


def until(condition: Callable[[], bool], seconds: float = 200) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def log(kubeflow: KubeflowServer) -> str:
    return (kubeflow.folder / "workflow-0" / "log").read_text()


def test_a_version_is_trained_in_kubeflow_and_announced_by_its_exit_task(
    in_kubeflow: Launching, kubeflow: KubeflowServer, sink: Sink, dataset: RunRequest
) -> None:
    approval = in_kubeflow.approval(dataset)

    in_kubeflow.send(approval)
    until(lambda: bool(sink.events))

    assert in_kubeflow.types() == ["started"]
    assert in_kubeflow.answers[0].data["run_url"].startswith("http://kubeflow.example/#/runs/details/")
    (announced,) = sink.events
    assert announced.type == "dev.kascade.training.completed", log(kubeflow)
    assert announced.extensions["correlationid"] == approval.extensions["correlationid"]
    assert announced.extensions["causationid"] == approval.id
    in_kubeflow.send(announced)
    assert in_kubeflow.launches() == []


def test_a_version_whose_announcement_was_lost_is_announced_by_the_next_look(
    in_kubeflow: Launching, kubeflow: KubeflowServer, sink: Sink, dataset: RunRequest
) -> None:
    sink.refusing = True
    in_kubeflow.send(in_kubeflow.approval(dataset))
    until(lambda: in_kubeflow.engine.status(dataset.run_id).ended)

    in_kubeflow.ring(dataset)

    assert in_kubeflow.types() == ["started", "completed"], log(kubeflow)
    assert in_kubeflow.launches() == []


def test_a_dataset_that_cannot_be_learnt_fails_with_its_step_and_fix(
    in_kubeflow: Launching, sink: Sink
) -> None:
    table = churn_table(60)
    one_class = table.set_column(table.column_names.index("churned"), "churned", [["yes"] * 60])
    request = put_dataset(in_kubeflow.store, [one_class], KINDS, SPEC, run_id="run-flat", version=2)

    in_kubeflow.send(in_kubeflow.approval(request))
    until(lambda: bool(sink.events))

    assert sink.events[0].type == "dev.kascade.training.failed"
    assert sink.events[0].data["step"] == "check"


def test_own_code_and_xgboost_compete_in_kubeflow_where_code_may_run(
    in_kubeflow: Launching, kubeflow: KubeflowServer, sink: Sink
) -> None:
    table = churn_table(200)
    request = put_dataset(in_kubeflow.store, [table], KINDS, CODE_SPEC, run_id="run-no", version=3, code=CODE)

    in_kubeflow.send(in_kubeflow.approval(request))
    assert in_kubeflow.types() == ["failed"]
    assert "runs no code that lies in the bucket" in in_kubeflow.answers[0].data["error"]
    assert kubeflow.resources.runs == {}

    allowing = in_kubeflow.allowing_code()
    again = put_dataset(allowing.store, [table], KINDS, CODE_SPEC, run_id="run-code-2", version=4, code=CODE)
    allowing.send(allowing.approval(again))
    until(lambda: bool(sink.events))

    assert allowing.types() == ["started"]
    check_card(allowing.store, sink.events[0], log(kubeflow))
    assert "it was told ***" in log(kubeflow)
