"""A real Airflow, on the way to which requests go wrong: no run is lost, and none is started twice."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest
from support.airflow import Airflow
from support.faults import Fault, FaultyProxy

from pipelines.engines import Refused, Run, RunState, Unavailable
from pipelines.engines.airflow import CUSTOM_DAG, AirflowEngine
from pipelines.records import Fault as Whose

from .conftest import run_number

TOKEN, READ, START = "POST /auth/token", r"GET .*/dagRuns/.*", r"POST .*/dagRuns"
CANCEL = r"PATCH .*/dagRuns/.*"
RUNS = f"/dags/{CUSTOM_DAG}/dagRuns"
QUEUED = f"{RUNS}?state=queued&limit=100"


@pytest.fixture(scope="module")
def proxy(running_airflow: Airflow) -> Iterator[FaultyProxy]:
    """The way to Airflow; the runs of these tests are never begun."""
    with running_airflow.paused(CUSTOM_DAG), FaultyProxy(running_airflow.url).serving() as proxy:
        yield proxy
        for each in running_airflow.ask("GET", QUEUED)["dag_runs"]:
            running_airflow.ask("PATCH", f"{RUNS}/{quote(each['dag_run_id'])}", {"state": "failed"})


@pytest.fixture
def engine(proxy: FaultyProxy, running_airflow: Airflow) -> AirflowEngine:
    proxy.faults.clear()
    return AirflowEngine(running_airflow.connection_at(proxy.url))


@pytest.fixture
def hasty(proxy: FaultyProxy, running_airflow: Airflow) -> AirflowEngine:
    """An engine that waits for no answer long."""
    return AirflowEngine(running_airflow.connection_at(proxy.url, timeout_s=2.0))


@pytest.fixture
def run(package: bytes, tmp_path: Path) -> Run:
    return Run(f"faults-{run_number()}", {"what": "succeed", "starts": str(tmp_path / "starts")}, package)


@pytest.mark.parametrize("kind", [401, 403, 404, 409, 422, 429, 500, 503, "drop", "lost", "html", "hang"])
@pytest.mark.parametrize("only", [TOKEN, READ, START])
def test_whatever_fails_while_a_run_is_submitted_it_is_submitted_once_in_the_end(
    engine: AirflowEngine, hasty: AirflowEngine, proxy: FaultyProxy, run: Run, kind: int | str, only: str
) -> None:
    if (only, kind) in ((READ, 404), (START, 422)):
        pytest.skip("a whole answer: there is no such run; it is the run that is wrong")
    refused_again = kind == 401 and only != TOKEN  # a new token is fetched, and refused as well
    proxy.faults.append(Fault(kind, calls=2 if refused_again else 1, only=only))

    with pytest.raises(Unavailable, match="Airflow at http"):
        (hasty if kind == "hang" else engine).submit(run)
    engine.submit(run)

    assert engine.status(run.run_id).state is RunState.RUNNING


@pytest.mark.parametrize("kind", [403, 404, 409, 422, 429, 500, "drop", "lost", "html", "hang"])
@pytest.mark.parametrize("only", [READ, CANCEL])
def test_whatever_fails_while_a_run_is_cancelled_it_has_ended_in_the_end(
    engine: AirflowEngine, hasty: AirflowEngine, proxy: FaultyProxy, run: Run, kind: int | str, only: str
) -> None:
    if (only, kind) == (READ, 404):
        pytest.skip("a whole answer: there is no such run")
    engine.submit(run)
    proxy.faults.append(Fault(kind, only=only))

    with pytest.raises(Unavailable, match="Airflow at http"):
        (hasty if kind == "hang" else engine).cancel(run.run_id)
    engine.cancel(run.run_id)

    assert engine.status(run.run_id).state is RunState.FAILED


def test_a_token_that_has_expired_is_replaced_at_once(
    engine: AirflowEngine, proxy: FaultyProxy, run: Run
) -> None:
    assert engine.status(run.run_id).state is RunState.UNKNOWN
    proxy.faults.append(Fault(401, only=READ))

    engine.submit(run)

    assert engine.status(run.run_id).state is RunState.RUNNING


def test_a_password_that_is_wrong_is_no_reason_to_give_a_run_up(
    running_airflow: Airflow, run: Run, tmp_path: Path
) -> None:
    password = tmp_path / "password"
    password.write_text("wrong")
    connection = running_airflow.connection_at(running_airflow.url, password_file=str(password))

    with pytest.raises(Unavailable, match=r"would not give a token: 401 .*check the account"):
        AirflowEngine(connection).submit(run)


def test_a_token_in_a_file_is_read_again_when_it_was_replaced(
    running_airflow: Airflow, run: Run, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("of yesterday")
    connection = running_airflow.connection_at(running_airflow.url, password_file=None, token_file=str(token))
    engine = AirflowEngine(connection)
    with pytest.raises(Unavailable, match=r"40[13] .*check the account or the token"):
        engine.status(run.run_id)

    token.write_text(f"{running_airflow.token()}\n")

    assert engine.status(run.run_id).state is RunState.UNKNOWN


def test_what_airflow_refuses_ends_the_run_with_its_words(
    engine: AirflowEngine, proxy: FaultyProxy, run: Run
) -> None:
    proxy.faults.append(Fault(422, only=START))

    with pytest.raises(Refused, match=r"would not start the run: 422 .*made by a test") as caught:
        engine.submit(run)

    assert caught.value.failure.fault is Whose.OWNER


def test_a_dag_that_is_not_there_is_waited_for_with_what_to_do(
    engine: AirflowEngine, proxy: FaultyProxy, run: Run
) -> None:
    proxy.faults.append(Fault(404, only=START))

    with pytest.raises(Unavailable, match=r"kascade_training.py into the folder of DAGs"):
        engine.submit(run)


NAMES = ("m" * 40 + "-v123456789-" + "f" * 12, "x" * 250, "y" * 251, "Ärger/1 #🦔", "..")


@pytest.mark.parametrize("name", NAMES)
def test_a_run_of_any_name_is_found_again(engine: AirflowEngine, run: Run, name: str) -> None:
    named = Run(name, run.parameters, run.package)
    assert engine.status(name).state is RunState.UNKNOWN

    for _ in range(2):
        engine.submit(named)

    assert engine.status(name).state is RunState.RUNNING


def test_clients_that_submit_a_run_at_once_start_one(
    engine: AirflowEngine, running_airflow: Airflow, run: Run
) -> None:
    engines = [engine, *(AirflowEngine(running_airflow.connection) for _ in range(3))]

    def submit(each: AirflowEngine) -> None:
        with suppress(Unavailable):
            each.submit(run)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(submit, engines))

    asked = running_airflow.ask("GET", f"{RUNS}?run_id_pattern={run.run_id}")
    assert [each["dag_run_id"] for each in asked["dag_runs"]] == [run.run_id]
