"""Jobs run as on a cluster: retried, ended, deleted, limited in number, and run again after a kill."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import JOBS, Local, job_sink, object_of, until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def local(make_local: Callable[..., Local]) -> Iterator[Local]:
    local = make_local()
    local.write()
    yield local.start()
    assert local.stop() == 0
    assert local.children() == []


def job_states(local: Local) -> list[dict[str, Any]]:
    return [job.get("status") or {} for job in local.object(JOBS)["items"]]


def condition_of(status: dict[str, Any]) -> tuple[str, str, str]:
    for entry in status.get("conditions") or ():
        return entry["type"], entry["reason"], entry["message"]
    return "", "", ""


def plain_job(name: str, script: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "a", "image": "none", "command": ["sh", "-c", script]}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return object_of("batch/v1", "Job", name, {"template": template, **spec})


def test_a_job_that_keeps_failing_fails_with_its_last_words(local: Local) -> None:
    local.api("POST", JOBS, json=plain_job("bad", "echo cannot; exit 4", backoffLimit=1))
    status = until(lambda: condition_of(s := local.object(f"{JOBS}/bad").get("status") or {})[0] and s)
    type_, reason, message = condition_of(status)
    assert (type_, reason) == ("Failed", "BackoffLimitExceeded")
    assert "cannot" in message
    assert status["failed"] == 2


def test_a_job_over_its_deadline_is_ended(local: Local) -> None:
    local.api("POST", JOBS, json=plain_job("long", "sleep 60", activeDeadlineSeconds=1))
    status = until(lambda: condition_of(s := local.object(f"{JOBS}/long").get("status") or {})[0] and s)
    assert condition_of(status)[:2] == ("Failed", "DeadlineExceeded")


def test_a_finished_job_is_deleted_when_its_time_is_over(local: Local) -> None:
    local.api("POST", JOBS, json=plain_job("short", "true", ttlSecondsAfterFinished=0))
    until(lambda: local.api("GET", f"{JOBS}/short").status_code == 404)


def test_a_job_whose_process_is_killed_runs_again(local: Local, tmp_path: Path) -> None:
    script = f"echo run >> {tmp_path}/runs; [ $(wc -l < {tmp_path}/runs) -gt 1 ] || kill -9 $$"
    local.api("POST", JOBS, json=plain_job("struck", script))
    until(lambda: (local.object(f"{JOBS}/struck").get("status") or {}).get("succeeded"))
    assert (tmp_path / "runs").read_text().splitlines() == ["run", "run"]


def test_at_most_so_many_jobs_run_at_once(make_local: Callable[..., Local], tmp_path: Path) -> None:
    local = make_local("--max-jobs", "1")
    script = f"mkdir {tmp_path}/lock || touch {tmp_path}/overlap; sleep 0.2; rmdir {tmp_path}/lock"
    local.write(*(plain_job(f"job-{n}", script) for n in range(3)))
    local.start()
    until(lambda: all(status.get("succeeded") for status in job_states(local)))
    assert not (tmp_path / "overlap").exists()
    local.stop()


def test_a_job_cut_off_by_kill_9_of_the_runtime_runs_again_and_a_finished_one_does_not(
    make_local: Callable[..., Local], tmp_path: Path
) -> None:
    local = make_local()
    cut = f"echo run >> {tmp_path}/cut; [ -e {tmp_path}/go ] || sleep 60"
    local.write(
        job_sink("work", cut, backoffLimit=0),
        plain_job("migration", f"echo run >> {tmp_path}/migration"),
    )
    local.start()
    assert local.send("/-/jobsinks/default/work").status_code == 202
    until(lambda: (tmp_path / "cut").exists())
    until(lambda: (local.object(f"{JOBS}/migration").get("status") or {}).get("succeeded"))
    local.stop(signal.SIGKILL)
    until(lambda: not local.children(), what="no process is left behind")
    (tmp_path / "go").touch()

    local.start()

    until(lambda: all(status.get("succeeded") for status in job_states(local)))
    assert (tmp_path / "cut").read_text().splitlines() == ["run", "run"]
    assert (tmp_path / "migration").read_text().splitlines() == ["run"]
    assert local.send("/-/jobsinks/default/work").status_code == 202
    assert (tmp_path / "cut").read_text().splitlines() == ["run", "run"]
    local.stop()
