"""Runs that are handed to an engine, looked after until they end, and let go."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from support.training import churn_table, put_dataset, train

from eventing.catalogue import TrainingFailed
from eventing.testing import build_event
from functions.launch_training.logic import BUSY
from functions.state.database import session_factory, transaction
from functions.state.launches import get_launch
from pipelines import records
from pipelines.announcement import completed
from pipelines.engines import Run, RunState
from pipelines.engines.memory import MemoryEngine
from pipelines.records import Failure, Fault
from pipelines.request import RunRequest

from .conftest import CODE, CODE_SPEC, KINDS, SPEC, Launching

CUSTOM = SPEC.replace("train: {", "train: {pipeline: s3://raw/churn/own.yaml, ")


def failed(request: RunRequest, step: str = "lease") -> TrainingFailed:
    return TrainingFailed(
        model=request.model, version=request.version, run_id=request.run_id, step=step, error="e"
    )


def test_an_approved_run_is_handed_over_once_and_followed_until_it_says_how_it_ended(
    launching: Launching, memory: MemoryEngine, request_: RunRequest, tmp_path: Path
) -> None:
    event = launching.approval(request_)
    assert [launching.send(event), launching.send(event)] == [200, 200]
    assert [run.run_id for run in memory.runs] == [request_.run_id]
    assert launching.types() == ["started", "started"]
    assert launching.answers[0].id == launching.answers[1].id
    assert launching.answers[0].data["launcher"] == "memory"
    assert launching.ring(request_) == 204

    train(launching.store, request_, tmp_path)
    done = records.read_card(launching.store, request_.output, request_.run_id)
    assert done is not None
    launching.send(completed(request_, event, *done))

    assert launching.launches() == []
    assert launching.timers() == []


@pytest.mark.parametrize("made", [True, False])
def test_a_run_that_ended_without_a_word_is_announced_by_the_next_look(
    launching: Launching, memory: MemoryEngine, request_: RunRequest, made: bool, tmp_path: Path
) -> None:
    launching.send(launching.approval(request_))
    if made:
        train(launching.store, request_, tmp_path)
        memory.succeed(request_.run_id)
    else:
        memory.fail(request_.run_id, Failure("unknown", "evicted", "more memory", Fault.SURROUNDINGS))

    launching.ring(request_)

    assert launching.types() == ["started", "completed" if made else "failed"]
    assert made or launching.answers[1].data["error"] == "evicted"
    assert launching.answers[1].extensions["causationid"] == f"approved-{request_.run_id}"
    assert launching.launches() == []


def test_a_run_that_was_deleted_in_the_engine_has_failed(
    launching: Launching, memory: MemoryEngine, request_: RunRequest
) -> None:
    launching.send(launching.approval(request_))
    memory.forget(request_.run_id)

    launching.ring(request_)

    assert launching.types() == ["started", "failed"]
    assert "does not know the run any more" in launching.answers[1].data["error"]


def test_an_engine_that_is_away_for_an_hour_gets_the_run_when_it_is_back(
    launching: Launching, memory: MemoryEngine, request_: RunRequest
) -> None:
    memory.unavailable = True
    assert launching.send(launching.approval(request_)) == 204
    for _ in range(4):
        launching.ring(request_)
    memory.unavailable = False

    launching.ring(request_)

    assert launching.types() == ["started"]
    assert len(memory.runs) == 1


def test_an_engine_that_stays_away_is_given_up_with_what_it_said(
    launching: Launching, memory: MemoryEngine, request_: RunRequest
) -> None:
    memory.unavailable = True
    launching.send(launching.approval(request_))
    launching.later(hours=1, seconds=1)

    launching.ring(request_)

    assert launching.types() == ["failed"]
    assert launching.answers[0].data["step"] == "launch"
    assert "made unavailable by a test" in launching.answers[0].data["error"]
    assert launching.launches() == []


def test_a_run_that_is_away_while_it_is_looked_after_is_looked_after_again(
    launching: Launching, memory: MemoryEngine, request_: RunRequest
) -> None:
    launching.send(launching.approval(request_))
    memory.unavailable = True
    launching.later(hours=3)
    launching.ring(request_)
    memory.unavailable = False
    memory.fail(request_.run_id)

    launching.ring(request_)

    assert launching.types() == ["started", "failed"]


def test_a_run_that_the_governor_has_given_up_is_ended_in_the_engine(
    launching: Launching, memory: MemoryEngine, request_: RunRequest
) -> None:
    launching.send(launching.approval(request_))
    launching.send(build_event(TrainingFailed.type, failed(request_)))
    memory.unavailable = True
    launching.ring(request_)
    assert launching.launches() == [request_.run_id]
    memory.unavailable = False

    launching.ring(request_)

    assert memory.status(request_.run_id).state is RunState.CANCELLED
    assert launching.launches() == []
    assert launching.types() == ["started"]


def test_a_newer_run_of_the_model_ends_the_one_before(
    launching: Launching, memory: MemoryEngine, request_: RunRequest
) -> None:
    launching.send(launching.approval(request_))
    newer = replace(request_, version=2, run_id="run-2", output=f"{request_.output}2")
    launching.later(seconds=5)
    launching.send(launching.approval(newer))

    (due,) = [timer for timer in launching.timers() if timer.key == request_.run_id]
    assert due.due <= launching.now
    with transaction(session_factory(launching.database), read_only=True) as session:
        row = get_launch(session, request_.run_id)
        assert row is not None
        assert row.cancelled


@pytest.mark.parametrize(("spec", "code"), [(CUSTOM, None), (CODE_SPEC, CODE)])
def test_code_of_a_models_owner_is_refused_where_it_is_not_allowed(
    launching: Launching, memory: MemoryEngine, spec: str, code: str | None
) -> None:
    request = put_dataset(launching.store, [churn_table(50)], KINDS, spec, code=code)

    launching.send(launching.approval(request))

    assert launching.types() == ["failed"]
    assert "ALLOW_CODE" in launching.answers[0].data["fix"]
    assert memory.runs == []
    assert launching.launches() == []


def test_a_process_that_died_while_it_handed_a_run_over_leaves_it_to_a_timer(
    launching: Launching, memory: MemoryEngine, request_: RunRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(run: object) -> None:
        raise SystemExit(1)

    with monkeypatch.context() as patched:
        patched.setattr(memory, "submit", die)
        with pytest.raises(SystemExit):
            launching.send(launching.approval(request_))
    assert launching.send(launching.approval(request_)) == 503  # it may be at work still
    launching.later(seconds=BUSY.total_seconds())

    launching.ring(request_)

    assert launching.types() == ["started"]
    assert len(memory.runs) == 1


def test_two_deliveries_at_once_start_one_run(
    launching: Launching, memory: MemoryEngine, request_: RunRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    event, submit, met = launching.approval(request_), memory.submit, threading.Barrier(2)

    def submit_slowly(run: Run) -> None:
        met.wait(20)  # the other delivery comes while this one asks the engine
        met.wait(20)
        submit(run)

    monkeypatch.setattr(memory, "submit", submit_slowly)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(launching.send, event)
        met.wait(20)
        second = launching.send(event)
        met.wait(20)

    assert (first.result(), second) == (200, 503)
    assert launching.send(event) == 200
    assert len(memory.runs) == 1
    assert launching.types() == ["started", "started"]


def test_another_functions_timer_is_refused(launching: Launching, request_: RunRequest) -> None:
    from eventing.catalogue import TimerDue

    payload = TimerDue(owner="govern_training", key="churn", due=launching.now)
    assert launching.send(build_event(TimerDue.type, payload)) == 422
