"""The job's flow, with the pipeline's process replaced by one that does what the test says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from support.training import approve, churn_table, put_dataset, train

from eventing.catalogue import TrainingApproved
from eventing.event import Event
from eventing.sink import SinkError
from eventing.store import MemoryStore
from eventing.testing import MemorySink, build_event
from functions.run_training import logic
from functions.run_training.job import Job
from functions.run_training.settings import Settings
from pipelines.components.step import explain
from pipelines.engines import Run, RunState, RunStatus, Unavailable
from pipelines.engines.memory import MemoryEngine
from pipelines.errors import StepError, TransientError
from pipelines.records import Failure, Fault, write_failure
from pipelines.request import RunRequest

KINDS = {"amount": "number", "calls": "integer", "churned": "category"}
CANDIDATE = "{estimator: decision_tree, grid: {max_depth: [3]}}"
SPEC = f"model: churn\ntarget: churned\ntrain: {{candidates: [{CANDIDATE}]}}\n"
CUSTOM = SPEC.replace("train: {", "train: {pipeline: s3://raw/churn/own.yaml, ")


@dataclass
class Launch:
    store: MemoryStore
    sink: MemorySink
    request: RunRequest
    folder: Path
    runs: list[Run] = field(default_factory=list)

    def job(self, work: Callable[[Run], bool], **settings: Any) -> int:
        """Run the job on an engine that does `work`, which says whether the run succeeded."""

        def end(run: Run) -> RunStatus:
            return RunStatus(RunState.SUCCEEDED if work(run) else RunState.FAILED)

        return self.job_on(MemoryEngine(end), **settings)

    def job_on(self, engine: MemoryEngine, **settings: Any) -> int:
        engine.runs = self.runs
        job = Job(Settings(Path("event"), **settings), self.store, self.sink, engine)
        event: Event = build_event(TrainingApproved.type, approve(self.request), id_="approved-1")
        return job.run(event, self.request)

    def types(self) -> list[str]:
        return [event.type.removeprefix("dev.kascade.training.") for event in self.sink.events]

    def failing(self, error: Exception) -> Callable[[Run], bool]:
        def work(run: Run) -> bool:
            write_failure(self.store, self.request.output, run.parameters["attempt"], explain("check", error))
            return False

        return work


@pytest.fixture
def world(tmp_path: Path) -> Launch:
    store = MemoryStore()
    store.ensure_bucket("raw")
    return Launch(store, MemorySink(), put_dataset(store, [churn_table(200)], KINDS, SPEC), tmp_path)


def with_spec(world: Launch, spec: str) -> Launch:
    claim = world.store.put("s3://models/churn/specs/other/model.yaml", spec.encode())
    return replace(world, request=replace(world.request, spec=claim))


def test_a_version_made_by_an_attempt_that_died_before_saying_so_is_announced_and_not_made_again(
    world: Launch,
) -> None:
    train(world.store, world.request, world.folder)
    assert world.job(lambda _: pytest.fail("nothing is to be trained")) == logic.SUCCESS
    assert world.job(lambda _: pytest.fail("nothing is to be trained")) == logic.SUCCESS
    assert world.types() == ["completed", "completed"]
    assert world.sink.events[0].id == world.sink.events[1].id


def test_the_owners_fault_is_announced_with_its_fix_and_not_tried_again(world: Launch) -> None:
    assert world.job(world.failing(StepError("one class only", "add rows"))) == logic.SUCCESS
    assert world.types() == ["started", "failed"]
    assert world.sink.events[1].data | {"step": "check", "error": "one class only", "fix": "add rows"} == (
        world.sink.events[1].data
    )


@pytest.mark.parametrize("says", [True, False])
def test_a_fault_of_the_surroundings_is_tried_again_and_given_up_after_the_last_attempt(
    world: Launch, says: bool
) -> None:
    work = world.failing(TransientError("connection refused")) if says else (lambda _: False)
    statuses = [world.job(work, max_attempts=3) for _ in range(3)]
    assert statuses == [logic.RETRY, logic.RETRY, logic.SUCCESS]
    assert world.types() == ["started"] * 3 + ["failed"]
    assert len({event.id for event in world.sink.events}) == 2
    assert world.sink.events[-1].data["step"] == ("check" if says else "unknown")


def test_a_defect_is_announced_as_one(world: Launch) -> None:
    world.job(world.failing(KeyError("x")))
    assert "KeyError" in world.sink.events[1].data["error"]
    assert "report" in world.sink.events[1].data["fix"]


def test_what_the_run_has_announced_itself_is_not_announced_again(world: Launch) -> None:
    engine = MemoryEngine(lambda _: RunStatus(RunState.SUCCEEDED, announced=True))
    assert world.job_on(engine) == logic.SUCCESS
    assert world.types() == ["started"]
    assert world.sink.events[0].data["launcher"] == engine.name


def test_a_failure_that_only_the_engine_knows_is_announced(world: Launch) -> None:
    failure = Failure("submit", "the quota is used up", "ask for more", Fault.OWNER)
    engine = MemoryEngine(lambda _: RunStatus(RunState.FAILED, failure=failure))
    assert world.job_on(engine) == logic.SUCCESS
    assert world.sink.events[1].data["error"] == "the quota is used up"


def test_an_engine_that_does_not_answer_has_the_job_tried_again(world: Launch) -> None:
    engine = MemoryEngine()
    engine.unavailable = True
    with pytest.raises(Unavailable):
        world.job_on(engine)
    assert world.runs == []


def test_a_sink_that_does_not_answer_stops_the_run_before_it_costs_anything(world: Launch) -> None:
    world.sink.refusing = True
    with pytest.raises(SinkError):
        world.job(lambda _: pytest.fail("nothing is to be trained"))
    assert world.runs == []


def test_a_custom_pipeline_is_refused_naming_the_setting_unless_the_operator_allows_it(world: Launch) -> None:
    world = with_spec(world, CUSTOM)
    world.store.put("s3://raw/churn/own.yaml", b"root: {dag: {}}")
    assert world.job(lambda _: pytest.fail("it must not run")) == logic.SUCCESS
    assert world.types() == ["started", "failed"]
    assert "ALLOW_CODE" in world.sink.events[1].data["fix"]
    assert world.runs == []


def test_an_allowed_custom_pipeline_gets_the_parameters_it_declares_and_its_version_is_announced(
    world: Launch,
) -> None:
    world = with_spec(world, CUSTOM)
    package = b"root: {inputDefinitions: {parameters: {model: {}, output: {}, run_id: {}}}}"
    world.store.put("s3://raw/churn/own.yaml", package)

    def work(_: Run) -> bool:
        train(world.store, world.request, world.folder)
        return True

    assert world.job(work, allow_code=True) == logic.SUCCESS
    (run,) = world.runs
    assert (run.run_id, run.package) == (world.request.run_id, package)
    assert run.parameters.keys() == {"model", "output", "run_id"}
    assert world.types() == ["started", "completed"]


@pytest.mark.parametrize(
    ("package", "error"),
    [
        (b"root: {inputDefinitions: {parameters: {depth: {}}}}", "needs parameters .*: depth"),
        (b"not a pipeline", "no compiled Kubeflow pipeline"),
        (None, "no such object"),
        (b"root: {dag: {}}", r"without writing card\.json"),
    ],
)
def test_a_custom_pipeline_that_cannot_do_its_work_fails_with_the_reason(
    world: Launch, package: bytes | None, error: str
) -> None:
    import re

    world = with_spec(world, CUSTOM)
    if package is not None:
        world.store.put("s3://raw/churn/own.yaml", package)
    assert world.job(lambda _: True, allow_code=True) == logic.SUCCESS
    assert world.types() == ["started", "failed"]
    assert re.search(error, world.sink.events[1].data["error"])
    assert world.sink.events[1].data["fix"]


def test_an_invalid_spec_is_the_owners_fault(world: Launch) -> None:
    world = with_spec(world, "model: churn\ntarget: churned\nbogus: 1\n")
    assert world.job(lambda _: pytest.fail("nothing is to be trained")) == logic.SUCCESS
    assert "bogus" in world.sink.events[1].data["error"]
