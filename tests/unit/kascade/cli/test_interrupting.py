"""Ctrl-C ends a command that waits at once, without a traceback, and says how to look later."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from eventing.store import S3Store
from kascade.system.stores.embedded import EmbeddedStore

if TYPE_CHECKING:
    from conftest import Desk

Typed = subprocess.Popen[str]


@pytest.fixture
def typed(desk: Desk) -> Iterator[Callable[..., Typed]]:
    """Type a command as a process of its own."""
    running: list[Typed] = []

    def start(*words: str, python: tuple[str, ...] = ()) -> Typed:
        command = [sys.executable, *python, "-m", "kascade", *words, "--home", str(desk.home.path)]
        pipe = subprocess.PIPE
        running.append(
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True)
        )
        return running[-1]

    yield start
    for each in running:
        each.kill()
        each.communicate()


def until(condition: Callable[[], object], within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def interrupted(process: Typed) -> tuple[int, str]:
    """Return what a shell says of its end: 130 also where the signal ends Python, as it came in an eval."""
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    return 130 if process.returncode == -signal.SIGINT else process.returncode, said


@pytest.mark.case("I", "Ctrl-C while a command waits")
@pytest.mark.parametrize(
    "words",
    [("retrain", "churn"), ("reject", "churn", "3"), ("label", "churn", "0" * 36, "1")],
    ids=lambda words: words[0],
)
def test_who_waits_no_longer_is_told_how_to_look_later(
    desk: Desk, typed: Callable[..., Typed], words: tuple[str, ...]
) -> None:
    process = typed(*words)
    until(lambda: desk.sent)
    code, said = interrupted(process)

    assert (code, "Traceback" in said) == (130, False), said
    assert re.search("what was asked for goes on: kascade (models churn|explain [-0-9a-f]{36})", said), said


@pytest.mark.case("I", "Ctrl-C while a command waits")
def test_a_file_that_was_dropped_stays_when_nobody_waits_for_it(
    desk: Desk, typed: Callable[..., Typed], tmp_path: Path
) -> None:
    keys = desk.home.credentials()
    (tmp_path / "a.csv").write_text("a,y\n1,0\n")
    with EmbeddedStore(tmp_path / "objects", 0, keys.access_key, keys.secret_key) as store:
        desk.home.remember_store(store.endpoint)
        objects = S3Store.from_env(store.env)
        objects.ensure_bucket("raw")
        process = typed("drop", str(tmp_path / "a.csv"), "--model", "churn")
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "s3://raw/churn/a.csv"
        code, said = interrupted(process)

        assert (code, "Traceback" in said) == (130, False), said
        assert said.strip() == "waiting has ended, what was dropped goes on: kascade events --subject churn"
        assert objects.get("s3://raw/churn/a.csv") == b"a,y\n1,0\n"


@pytest.mark.case("I", "Ctrl-C while a command waits")
def test_who_watches_events_ends_it_without_a_word(desk: Desk, typed: Callable[..., Typed]) -> None:
    process = typed("events", "--follow", python=("-X", "importtime"))
    _loaded(process, "kascade.cli")
    code, said = interrupted(process)

    assert (code, "Traceback" in said) == (130, False), said


@pytest.mark.case("I", "Ctrl-C while a command is loaded")
@pytest.mark.parametrize("module", ["pydantic", "rich.console", "eventing.store"])
def test_ctrl_c_while_the_command_is_loaded_leaves_no_traceback(
    typed: Callable[..., Typed], module: str
) -> None:
    process = typed("retrain", "churn", python=("-X", "importtime"))
    _loaded(process, module)
    code, said = interrupted(process)

    assert (code, "Traceback" in said) == (130, False), said


def _loaded(process: Typed, module: str) -> None:
    assert process.stderr is not None
    assert any(line.rpartition("|")[2].strip() == module for line in process.stderr)
