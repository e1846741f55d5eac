"""What the API server of Kubeflow Pipelines may answer, and what becomes of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from support.faults import Fault
from support.kubeflow import KubeflowServer

from pipelines.engines import Refused, Run, RunState, Unavailable
from pipelines.engines.kubeflow import Connection, KubeflowEngine, kubeflow_id
from pipelines.engines.kubeflow_package import Surroundings
from pipelines.records import Fault as Whose

pytestmark = pytest.mark.slow

PACKAGE = b"""
pipelineInfo: {name: waits}
schemaVersion: 2.1.0
root: {inputDefinitions: {parameters: {text: {parameterType: STRING}}}}
deploymentSpec: {executors: {exec-one: {container: {image: python}}}}
"""
LIST, READ, START, CANCEL = "GET .*/experiments", "GET .*/runs/.*", "POST .*/runs", "POST .*:terminate"
NEVER_STARTS = Surroundings(secrets={"missing": ("KEY",)})
"""Keeps the pods of a run waiting: what is tested here is what the server says."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[KubeflowServer]:
    with KubeflowServer(tmp_path / "kubeflow").serving() as server:
        yield server


def engine_of(server: KubeflowServer, **changes: Any) -> KubeflowEngine:
    return KubeflowEngine(Connection(server.url, **{"timeout_s": 2.0, **changes}), NEVER_STARTS)


def a_run(text: str = "x", run_id: str = "run-1") -> Run:
    return Run(run_id, {"text": text}, PACKAGE)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def started(server: KubeflowServer) -> int:
    return len(server.resources.workflows)


@pytest.mark.parametrize("kind", [401, 403, 404, 409, 422, 429, 500, 503, "drop", "html", "hang"])
@pytest.mark.parametrize("only", [READ, LIST, r"POST .*/experiments", START])
def test_whatever_fails_while_a_run_is_submitted_it_is_submitted_once_in_the_end(
    server: KubeflowServer, kind: int | str, only: str
) -> None:
    if (only, kind) in ((READ, 404), (START, 422)):
        pytest.skip("a whole answer: there is no such run; it is the run that is wrong")
    engine = engine_of(server, timeout_s=0.5)
    server.faults.append(Fault(kind, only=only))

    # As if none were there, or somebody else had made it: it is looked for again.
    again = "experiments" in only and kind in (["html"] if only == LIST else ["html", 409])
    with nullcontext() if again else pytest.raises(Unavailable, match="Kubeflow Pipelines at http"):
        engine.submit(a_run())
    engine.submit(a_run())

    assert engine.status("run-1").state is RunState.RUNNING
    assert started(server) == 1


def test_a_run_whose_submission_was_taken_without_an_answer_is_found(server: KubeflowServer) -> None:
    server.faults.append(Fault("lost", only=START))
    engine = engine_of(server)

    with pytest.raises(Unavailable, match="does not answer"):
        engine.submit(a_run())
    engine.submit(a_run())

    assert started(server) == 1


def test_a_run_of_the_longest_name_is_found_again(server: KubeflowServer) -> None:
    engine, longest = engine_of(server), a_run(run_id="m" * 40 + "-v123456789-" + "f" * 12)

    for _ in range(2):
        engine.submit(longest)

    assert engine.status(longest.run_id).state is RunState.RUNNING
    assert started(server) == 1


def test_an_experiment_that_another_makes_meanwhile_is_used(server: KubeflowServer) -> None:
    engines = [engine_of(server) for _ in range(4)]
    threads = [
        threading.Thread(target=engine.submit, args=(a_run(run_id=f"run-{number}"),))
        for number, engine in enumerate(engines)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(server.resources.experiments) == 1
    assert started(server) == 4


def test_an_experiment_whose_name_differs_in_case_is_another(server: KubeflowServer) -> None:
    engine_of(server, experiment="Churn").submit(a_run())
    engine_of(server, experiment="churn").submit(a_run(run_id="run-2"))

    assert [each.display_name for each in server.resources.experiments.values()] == ["Churn", "churn"]


def test_a_token_is_read_again_when_it_was_replaced(server: KubeflowServer, tmp_path: Path) -> None:
    server.token = "second"
    token = tmp_path / "token"
    token.write_text("first\n")
    engine = engine_of(server, token_file=str(token))
    with pytest.raises(Unavailable, match=r"401 .*check the token"):
        engine.submit(a_run())

    token.write_text("second\n")
    engine.submit(a_run())

    assert started(server) == 1


def test_a_token_that_is_not_there_is_no_reason_to_give_up(server: KubeflowServer, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="No such file"):
        engine_of(server, token_file=str(tmp_path / "missing")).status("run-1")


def test_whom_kubeflow_does_not_allow_is_told_so(server: KubeflowServer) -> None:
    server.forbidden = True
    with pytest.raises(Unavailable, match="403 Failed to authorize"):
        engine_of(server).status("run-1")


@pytest.mark.parametrize("parameters", [{}, {"text": "x", "more": "y"}, {"text": 3}, {"text": None}])
def test_arguments_that_a_pipeline_does_not_take_are_refused_by_name(
    server: KubeflowServer, parameters: dict[str, Any]
) -> None:
    with pytest.raises(Refused, match=r"400 parameter (text|more)") as caught:
        engine_of(server).submit(Run("run-1", parameters, PACKAGE))

    assert caught.value.failure.fault is Whose.OWNER
    assert started(server) == 0


def test_the_page_of_a_run_is_linked_where_the_user_interface_is_known(server: KubeflowServer) -> None:
    page = engine_of(server, pages="https://kubeflow.example/pipeline/").page(a_run())

    assert page == f"https://kubeflow.example/pipeline/#/runs/details/{kubeflow_id('run-1')}"
    assert engine_of(server).page(a_run()) is None


@pytest.mark.parametrize("kind", [401, 403, 404, 409, 422, 429, 500, "drop", "lost", "hang"])
@pytest.mark.parametrize("only", [READ, CANCEL])
def test_whatever_fails_while_a_run_is_cancelled_it_has_ended_in_the_end(
    server: KubeflowServer, kind: int | str, only: str
) -> None:
    if (only, kind) == (READ, 404):
        pytest.skip("a whole answer: there is no such run")
    engine = engine_of(server, timeout_s=0.5)
    engine.submit(a_run())
    server.faults.append(Fault(kind, only=only))

    with pytest.raises(Unavailable, match="Kubeflow Pipelines at http"):
        engine.cancel("run-1")
    engine.cancel("run-1")

    until(lambda: engine.status("run-1").state is RunState.FAILED)


def test_a_run_may_be_cancelled_twice_and_while_it_is_being_cancelled(server: KubeflowServer) -> None:
    engine = engine_of(server)
    engine.submit(a_run())

    for _ in range(3):
        engine.cancel("run-1")  # the second one is answered 400

    until(lambda: engine.status("run-1").state is RunState.FAILED)
