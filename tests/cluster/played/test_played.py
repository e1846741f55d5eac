"""What the played node makes of a pod, as far as it needs no cluster."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from cluster.played.contained import Contained
from cluster.played.container import Process
from cluster.played.images import Images, UnknownImage
from cluster.played.volumes import filled

ROOT = Path(__file__).resolve().parents[3]


class Ends:
    """A process that has ended with a code, or runs while it is None."""

    def __init__(self, code: int | None) -> None:
        self.exit_code = code

    popen = type("Popen", (), {"pid": 1})()

    def last_words(self) -> str:
        return "it has no model"


def contained(codes: list[int | None], *, restarts: bool = True) -> Contained:
    spec = {"name": "it", "image": "kascade/it", "terminationMessagePolicy": "FallbackToLogsOnError"}
    left = iter(codes)

    def start() -> Process:
        return Ends(next(left))  # type: ignore[return-value]

    return Contained(spec, "127.0.0.1", start, lambda code: restarts)


def steps(container: Contained, number: int) -> Contained:
    for _ in range(number):
        container.step()
    return container


def test_variables_are_filled_in_where_they_are_known() -> None:
    assert filled("$(A)-$(B)-$$(A)-$A", {"A": "1"}) == "1-$(B)-$(A)-$A"


def test_a_function_s_image_runs_in_this_environment(tmp_path: Path) -> None:
    command, given = Images(tmp_path, ROOT).entry_point("registry.example/kascade/ring-timers:0.1.0")
    assert command == [sys.executable, "-m", "functions.ring_timers"]
    assert given == {"PORT": "8080"}


def test_a_compiled_part_s_image_is_the_program(tmp_path: Path) -> None:
    (tmp_path / "serving-queue").touch()
    command, _ = Images(tmp_path, ROOT).entry_point("kascade.local/serving-queue:1@sha256:0")
    assert command == [str(tmp_path / "serving-queue")]


def test_an_image_that_nothing_stands_for_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UnknownImage, match="kascade/no-such"):
        Images(tmp_path, ROOT).entry_point("kascade/no-such:1")


def test_a_container_that_runs_and_has_no_probe_is_ready() -> None:
    status = steps(contained([None]), 2).status()
    assert status["ready"]
    assert "running" in status["state"]


def test_a_container_that_ends_is_started_again_at_once_and_then_later() -> None:
    status = steps(contained([1, 1, None]), 6).status()
    assert status["restartCount"] == 2
    assert status["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert status["lastState"]["terminated"]["exitCode"] == 1
    assert status["lastState"]["terminated"]["message"] == "it has no model"
    assert not status["ready"]


def test_a_job_s_container_that_ends_is_over() -> None:
    container = steps(contained([0], restarts=False), 3)
    assert container.over
    assert container.status()["state"]["terminated"]["reason"] == "Completed"
