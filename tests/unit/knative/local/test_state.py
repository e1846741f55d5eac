"""The state folder: what is private, and what becomes of a disk that refuses."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from knative.local import log
from knative.local.processes.logs import rotate
from knative.local.resources.journal import Journal
from knative.local.state import StateDir


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_log_that_cannot_be_moved_aside_stays_and_a_warning_names_it(tmp_path: Path) -> None:
    stream = io.StringIO()
    log.configure(stream)
    path = tmp_path / "a.log"
    path.write_bytes(b"line\n" * 20)
    (tmp_path / "a.log.1").mkdir()
    rotate(path, max_bytes=50)
    assert path.read_bytes() == b"line\n" * 20
    assert "log not rotated" in stream.getvalue()
    assert str(path) in stream.getvalue()


@pytest.fixture
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("usual_umask")
def test_a_new_state_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    with StateDir(tmp_path / "state") as state:
        assert mode(state) == 0o700


@pytest.mark.usefixtures("usual_umask")
def test_in_a_folder_that_was_there_the_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "broker.db").touch(0o644)
    with StateDir(tmp_path):
        Journal(tmp_path / "objects.db").close()
        (tmp_path / "logs").mkdir()
    assert mode(tmp_path / "logs") == 0o700
    assert mode(tmp_path) == 0o755
    assert {mode(file) for file in tmp_path.glob("*.db*")} == {0o600}
