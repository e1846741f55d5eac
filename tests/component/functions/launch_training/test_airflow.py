"""A whole training in a real Airflow 3, also when all of Airflow is killed in the middle."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

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
from pipelines.engines.airflow import AirflowEngine

from .conftest import KINDS, SPEC, Launching

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def object_store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path / "objects", 0, "key", "secretsecret") as running:
        yield running


@pytest.fixture
def airflow(tmp_path: Path, object_store: EmbeddedStore, receiver: Receiver) -> Iterator[Airflow]:
    if program() is None:
        pytest.skip(MISSING)
    airflow = Airflow(tmp_path / "airflow", **object_store.env, K_SINK=receiver.url)
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


def announced(receiver: Receiver) -> Event:
    (request,) = receiver.requests
    return decode(*request)


def test_a_version_is_trained_in_airflow_which_is_killed_in_the_middle(
    in_airflow: Launching, airflow: Airflow, receiver: Receiver
) -> None:
    request = put_dataset(in_airflow.store, [churn_table(200)], KINDS, SPEC)
    approval = in_airflow.approval(request)

    in_airflow.send(approval)
    until(lambda: any(in_airflow.store.list(f"{request.output}/steps/launch/prepared")))
    airflow.kill()
    in_airflow.ring(request)  # Airflow is away
    airflow.restart()
    until(lambda: bool(receiver.requests))

    assert in_airflow.types() == ["started"]
    event = announced(receiver)
    assert event.type == "dev.kascade.training.completed", airflow.log()
    assert event.extensions["causationid"] == approval.id
    until(lambda: in_airflow.engine.status(request.run_id).ended)
    in_airflow.send(event)
    assert in_airflow.launches() == []


def test_a_dataset_that_cannot_be_learnt_fails_in_airflow_too_without_another_try(
    in_airflow: Launching, receiver: Receiver
) -> None:
    table = churn_table(60)
    flat = table.set_column(table.column_names.index("churned"), "churned", [["yes"] * 60])
    request = put_dataset(in_airflow.store, [flat], KINDS, SPEC, run_id="run-flat")

    in_airflow.send(in_airflow.approval(request))
    until(lambda: in_airflow.engine.status(request.run_id).ended)

    event = announced(receiver)
    assert event.type == "dev.kascade.training.failed"
    assert event.data["step"] == "check"
