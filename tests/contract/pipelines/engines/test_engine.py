"""What every training engine does alike."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipelines.engines import Refused, Run, RunState, RunStatus, Unavailable
from pipelines.engines.local import LocalEngine
from pipelines.engines.memory import MemoryEngine
from pipelines.records import Fault

pytestmark = pytest.mark.slow


def test_of_a_run_that_was_never_submitted_nothing_is_known(subject: Any) -> None:
    assert subject.engine.status("nobody") == RunStatus(RunState.UNKNOWN)


def test_a_run_succeeds(subject: Any) -> None:
    run = subject.run("succeed")

    subject.engine.submit(run)

    assert subject.until_ended(run) == RunStatus(RunState.SUCCEEDED)
    assert subject.starts(run) == 1


def test_a_run_that_fails_is_told_with_the_kind_of_its_failure(subject: Any) -> None:
    run = subject.run("fail")

    subject.engine.submit(run)
    status = subject.until_ended(run)

    assert status.state is RunState.FAILED
    assert status.failure.fault in Fault
    assert status.failure.error
    assert status.failure.fix


def test_a_run_that_was_submitted_is_running_until_it_ends(subject: Any) -> None:
    run = subject.run("go on")

    subject.engine.submit(run)

    subject.until_started(run)
    assert subject.engine.status(run.run_id) == RunStatus(RunState.RUNNING)


def test_a_run_that_is_submitted_twice_starts_once(subject: Any) -> None:
    going_on, ended = subject.run("go on"), subject.run("succeed")
    subject.engine.submit(going_on)
    subject.engine.submit(ended)
    subject.until_started(going_on)
    subject.until_ended(ended)

    for run in (going_on, ended):
        subject.engine.submit(replace(run, parameters={**run.parameters, "what": "succeed"}))

    assert subject.engine.status(going_on.run_id).state is RunState.RUNNING
    assert subject.engine.status(ended.run_id).state is RunState.SUCCEEDED
    assert [subject.starts(run) for run in (going_on, ended)] == [1, 1]


def test_a_run_that_another_client_submits_as_well_starts_once(subject: Any) -> None:
    run = subject.run("go on")
    subject.engine.submit(run)
    subject.until_started(run)

    with suppress(Unavailable):
        subject.another_client().submit(run)

    assert subject.engine.status(run.run_id).state is RunState.RUNNING
    assert subject.starts(run) == 1


def test_a_run_that_is_cancelled_ends_and_is_not_started_again(subject: Any) -> None:
    run = subject.run("go on")
    subject.engine.submit(run)
    subject.until_started(run)

    for _ in range(2):
        subject.engine.cancel(run.run_id)

    assert subject.until(run, lambda status: status.ended).state is subject.cancelled_as
    subject.engine.submit(run)
    assert subject.engine.status(run.run_id).state is subject.cancelled_as
    assert subject.starts(run) == 1


def test_cancelling_a_run_that_has_ended_or_is_unknown_changes_nothing(subject: Any) -> None:
    run = subject.run("succeed")
    subject.engine.submit(run)
    subject.until_ended(run)

    for run_id in (run.run_id, "nobody"):
        subject.engine.cancel(run_id)

    assert subject.engine.status(run.run_id).state is RunState.SUCCEEDED
    assert subject.engine.status("nobody").state is RunState.UNKNOWN


def test_what_is_no_pipeline_is_refused_with_what_its_owner_can_do(subject: Any) -> None:
    run = replace(subject.run("succeed"), package=b"not a pipeline")

    with pytest.raises(Refused, match="no compiled Kubeflow pipeline") as caught:
        subject.engine.submit(run)

    assert caught.value.failure.fault is Fault.OWNER
    assert subject.engine.status(run.run_id).state is RunState.UNKNOWN


def test_an_engine_that_is_away_is_unavailable_and_remembers_its_runs() -> None:
    engine, run = MemoryEngine(), Run("run-1", {})
    engine.submit(run)
    engine.unavailable = True
    for call in (engine.cancel, engine.status, lambda _: engine.submit(run)):
        with pytest.raises(Unavailable):
            call(run.run_id)
    engine.unavailable = False

    assert engine.status(run.run_id).state is RunState.RUNNING


def test_a_place_where_no_workspace_can_be_made_makes_the_local_engine_unavailable(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/proc/nowhere")

    with pytest.raises(Unavailable, match="its workspace cannot be made"):
        LocalEngine().submit(Run("run-1", {}))


def test_a_local_run_that_was_prepared_is_unknown_until_it_is_submitted_and_leaves_nothing(
    temporary: Path,
) -> None:
    engine, others = LocalEngine(), _processes()
    engine.prepare("run-1")
    (child,) = set(psutil.Process().children()) - others
    assert engine.status("run-1").state is RunState.UNKNOWN
    assert [each.name for each in temporary.iterdir()] == ["kascade-run-run-1"]

    engine.close()

    assert not child.is_running()
    assert list(temporary.iterdir()) == []


def test_what_is_prepared_gives_way_to_a_pipeline_of_ones_own(local: Any) -> None:
    run = local.run("succeed")
    local.engine.prepare(run.run_id)

    local.engine.submit(run)

    assert local.until_ended(run).state is RunState.SUCCEEDED
    assert local.starts(run) == 1


def test_a_cancelled_local_run_leaves_no_process_and_no_file(local: Any, temporary: Path) -> None:
    run, others = local.run("go on"), _processes()
    local.engine.submit(run)
    local.until_started(run)
    children = _processes() - others
    assert children

    local.engine.cancel(run.run_id)

    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    assert list(temporary.iterdir()) == []


def _processes() -> set[psutil.Process]:
    """Return the processes under this one; other tests of the same worker have some of their own."""
    return set(psutil.Process().children(recursive=True))


@pytest.mark.case("S13", "predictable /tmp/kascade-run-<id>")
def test_a_workspace_that_somebody_else_left_is_not_used(temporary: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (temporary / "kascade-run-linked").symlink_to(tmp_path / "theirs")
    with pytest.raises(Unavailable, match="its workspace cannot be made"):
        LocalEngine().submit(Run("linked", {}))
    if os.getuid() == 0:  # only root can give a folder away
        (temporary / "kascade-run-given").mkdir(mode=0o777)
        os.chown(temporary / "kascade-run-given", 65534, 65534)
        with pytest.raises(Unavailable, match="it belongs to another user"):
            LocalEngine().submit(Run("given", {}))


@pytest.mark.case("S13", "a workspace that others may enter")
def test_a_workspace_is_its_owner_s_alone(temporary: Path) -> None:
    (temporary / "kascade-run-run-1").mkdir()
    (temporary / "kascade-run-run-1").chmod(0o777)
    engine = LocalEngine()
    engine.prepare("run-1")
    assert (temporary / "kascade-run-run-1").stat().st_mode & 0o777 == 0o700
    engine.close()
