"""The engines that the contract is run over: the twin, and the real one with children of this process."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.airflow import MISSING, Airflow, program
from support.kubeflow import KubeflowServer

from pipelines.engines import Run, RunState, RunStatus, TrainingEngine
from pipelines.engines.airflow import AirflowEngine
from pipelines.engines.kubeflow import Connection, KubeflowEngine
from pipelines.engines.kubeflow_package import Surroundings
from pipelines.engines.local import LocalEngine
from pipelines.engines.memory import MemoryEngine

PIPELINE = """
import sys
from kfp import compiler, dsl

@dsl.component(base_image="python:3.11", install_kfp_package=False)
def work(what: str, starts: str) -> None:
    import time
    with open(starts, "a") as file:
        file.write("started\\n")
    if what == "fail":
        raise ValueError("told to fail")
    if what == "go on":
        time.sleep(600)

@dsl.pipeline(name="contract")
def contract(what: str, starts: str) -> None:
    work(what=what, starts=starts)

compiler.Compiler().compile(contract, sys.argv[1])
"""
_numbers = itertools.count(1)


def run_number() -> int:
    """Return a number that no other run has."""
    return next(_numbers)


@dataclass
class Subject:
    """An engine under test.

    Attributes:
        engine: what is tested.
        another_client: returns another client of the same engine, as another process would have.
        end: lets a run come to the end that it was given.
        starts: returns how often a run was started.
        cancelled_as: what the engine calls a run that was cancelled.
        deadline_s: how long a run may take here.
    """

    engine: TrainingEngine
    another_client: Callable[[], TrainingEngine]
    end: Callable[[Run], None]
    starts: Callable[[Run], int]
    package: bytes
    folder: Path
    cancelled_as: RunState = RunState.CANCELLED
    deadline_s: float = 60.0

    def run(self, what: str) -> Run:
        """Return a run that is to `succeed`, to `fail`, or to `go on`."""
        run_id = f"contract-{run_number()}"
        return Run(run_id, {"what": what, "starts": str(self.folder / run_id)}, self.package)

    def until(self, run: Run, condition: Callable[[RunStatus], bool]) -> RunStatus:
        """Return the first status of a run that fulfils the condition; fail at the deadline."""
        deadline = time.monotonic() + self.deadline_s
        while True:
            status = self.engine.status(run.run_id)
            if condition(status):
                return status
            assert time.monotonic() < deadline, status
            time.sleep(0.02)

    def until_started(self, run: Run) -> None:
        """Wait until a run has begun its work."""
        self.until(run, lambda _: self.starts(run) > 0)

    def until_ended(self, run: Run) -> RunStatus:
        """Let a run end; return its last status."""
        self.end(run)
        return self.until(run, lambda status: status.ended)


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A compiled pipeline of one step."""
    folder = tmp_path_factory.mktemp("package")
    (folder / "pipeline.py").write_text(PIPELINE)
    command = [sys.executable, str(folder / "pipeline.py"), str(folder / "pipeline.yaml")]
    subprocess.run(command, check=True)
    return (folder / "pipeline.yaml").read_bytes()


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where engines put their temporary files."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture(params=["memory", "local", "kubeflow", "airflow"])
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.getfixturevalue(request.param)
    return found


def lines_written(run: Run) -> int:
    """Return how often a run's step has begun."""
    file = Path(run.parameters["starts"])
    return len(file.read_text().splitlines()) if file.exists() else 0


def by_itself(_: Run) -> None:
    """Do nothing: a real run comes to its end by itself."""


@pytest.fixture
def local(package: bytes, tmp_path: Path, temporary: Path) -> Iterator[Subject]:
    engines = [LocalEngine()]

    def another_client() -> TrainingEngine:
        engines.append(LocalEngine())
        return engines[-1]

    yield Subject(engines[0], another_client, by_itself, lines_written, package, tmp_path)
    for engine in engines:
        engine.close()
    assert list(temporary.iterdir()) == []


@pytest.fixture
def kubeflow(package: bytes, tmp_path: Path) -> Iterator[Subject]:
    with KubeflowServer(tmp_path / "kubeflow").serving() as server:

        def client() -> TrainingEngine:
            return KubeflowEngine(Connection(server.url), Surroundings())

        yield Subject(
            client(), client, by_itself, lines_written, package, tmp_path, cancelled_as=RunState.FAILED
        )


@pytest.fixture(scope="session")
def running_airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    if program() is None:
        pytest.skip(MISSING)
    airflow = Airflow(tmp_path_factory.mktemp("airflow"))
    airflow.restart()
    yield airflow
    airflow.kill()


@pytest.fixture
def airflow(package: bytes, tmp_path: Path, running_airflow: Airflow) -> Subject:
    def client() -> TrainingEngine:
        return AirflowEngine(running_airflow.connection)

    return Subject(
        client(),
        client,
        by_itself,
        lines_written,
        package,
        tmp_path,
        cancelled_as=RunState.FAILED,
        deadline_s=240.0,
    )


@pytest.fixture
def memory(package: bytes, tmp_path: Path) -> Subject:
    engine = MemoryEngine()

    def end(run: Run) -> None:
        if run.parameters["what"] == "succeed":
            engine.succeed(run.run_id)
        elif run.parameters["what"] == "fail":
            engine.fail(run.run_id)

    def starts(run: Run) -> int:
        return sum(each.run_id == run.run_id for each in engine.runs)

    return Subject(engine, lambda: engine, end, starts, package, tmp_path)
