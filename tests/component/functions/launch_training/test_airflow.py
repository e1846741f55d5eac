"""A whole training in a real Airflow 3, also when all of Airflow is killed in the middle."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine
from support.airflow import MISSING, Airflow, program
from support.receiver import Receiver
from support.training import churn_table, put_dataset

from eventing.codec import decode
from eventing.event import Event
from eventing.store import S3Store
from functions.launch_training.settings import Settings
from kascade.system.stores.embedded import EmbeddedStore
from pipelines.engines import RunState
from pipelines.engines.airflow import AirflowEngine
from pipelines.request import RunRequest

from .conftest import CODE, CODE_SPEC, KINDS, SPEC, Launching, check_card

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path_factory.mktemp("store") / "objects", 0, "key", "secretsecret") as running:
        yield running


@pytest.fixture(scope="module")
def sink() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture(scope="module")
def airflow(
    tmp_path_factory: pytest.TempPathFactory, object_store: EmbeddedStore, sink: Receiver
) -> Iterator[Airflow]:
    if program() is None:
        pytest.skip(MISSING)
    secrets = {"CODE_SECRETS": "HF_TOKEN", "HF_TOKEN": "hush, hush"}
    airflow = Airflow(tmp_path_factory.mktemp("airflow"), **object_store.env, K_SINK=sink.url, **secrets)
    airflow.restart()
    yield airflow
    airflow.kill()


@pytest.fixture
def in_airflow(
    settings: Settings, database: Engine, object_store: EmbeddedStore, airflow: Airflow
) -> Launching:
    engine = AirflowEngine(airflow.connection)
    return Launching(database, settings, S3Store.from_env(object_store.env), engine)


def until(condition: Callable[[], bool], seconds: float = 400) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def announced(sink: Receiver, request: RunRequest) -> list[Event]:
    """Return what was announced of a run."""
    events = [decode(*each) for each in sink.requests]
    return [each for each in events if each.data["run_id"] == request.run_id]


def test_a_version_is_trained_in_airflow_which_is_killed_in_the_middle(
    in_airflow: Launching, airflow: Airflow, sink: Receiver
) -> None:
    request = put_dataset(in_airflow.store, [churn_table(200)], KINDS, SPEC)
    approval = in_airflow.approval(request)

    in_airflow.send(approval)
    until(lambda: any(in_airflow.store.list(f"{request.output}/steps/launch/prepared")))
    airflow.kill()
    in_airflow.ring(request)  # Airflow is away
    airflow.restart()
    until(lambda: bool(announced(sink, request)))

    assert in_airflow.types() == ["started"]
    (event,) = announced(sink, request)
    assert event.type == "dev.kascade.training.completed", airflow.log()
    assert event.extensions["causationid"] == approval.id
    until(lambda: in_airflow.engine.status(request.run_id).ended)
    in_airflow.send(event)
    assert in_airflow.launches() == []


def test_a_dataset_that_cannot_be_learnt_fails_in_airflow_too_without_another_try(
    in_airflow: Launching, sink: Receiver
) -> None:
    table = churn_table(60)
    flat = table.set_column(table.column_names.index("churned"), "churned", [["yes"] * 60])
    request = put_dataset(in_airflow.store, [flat], KINDS, SPEC, run_id="run-flat", version=2)

    in_airflow.send(in_airflow.approval(request))
    until(lambda: in_airflow.engine.status(request.run_id).ended)

    (event,) = announced(sink, request)
    assert event.type == "dev.kascade.training.failed"
    assert event.data["step"] == "check"


def test_own_code_and_xgboost_compete_in_airflow_where_code_may_run(
    in_airflow: Launching, airflow: Airflow, sink: Receiver
) -> None:
    table = churn_table(200)
    request = put_dataset(in_airflow.store, [table], KINDS, CODE_SPEC, run_id="run-no", version=3, code=CODE)

    in_airflow.send(in_airflow.approval(request))
    assert in_airflow.types() == ["failed"]
    assert "runs no code that lies in the bucket" in in_airflow.answers[0].data["error"]
    assert in_airflow.engine.status(request.run_id).state is RunState.UNKNOWN

    allowing = in_airflow.allowing_code()
    again = put_dataset(allowing.store, [table], KINDS, CODE_SPEC, run_id="run-code-2", version=4, code=CODE)
    allowing.send(allowing.approval(again))
    until(lambda: bool(announced(sink, again)))

    assert allowing.types() == ["started"]
    check_card(allowing.store, announced(sink, again)[0], airflow.log())
