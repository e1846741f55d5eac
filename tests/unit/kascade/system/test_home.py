"""The state folder: what it refuses, what it keeps private."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kascade.cli import build
from kascade.system import home as home_module
from kascade.system.home import DEFAULT_HOME, DEMO_HOME, Home, HomeError, locate
from knative.local.state import StateDir


def test_a_fresh_start_forgets_what_an_earlier_system_left(tmp_path: Path) -> None:
    home = Home(tmp_path / "state")
    home.prepare(fresh=False)
    (home.path / "state.db").write_text("old")
    home.prepare(fresh=False)
    assert (home.path / "state.db").exists()
    home.prepare(fresh=True)
    assert not (home.path / "state.db").exists()


def test_a_folder_of_something_else_is_never_removed(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(HomeError, match="not a Kascade state folder"):
        Home(tmp_path).prepare(fresh=True)
    assert (tmp_path / "thesis.tex").exists()


def test_credentials_are_made_once_and_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare(fresh=False)
    first = home.credentials()
    assert first == home.credentials()
    other = Home(tmp_path / "other")
    other.prepare(fresh=False)
    assert first != other.credentials()
    assert stat.S_IMODE((tmp_path / "credentials.json").stat().st_mode) == 0o600


def test_nobody_else_looks_into_the_folder_also_where_an_earlier_release_let_them(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    Home(tmp_path).prepare(fresh=False)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_asking_a_folder_without_a_system_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(HomeError, match="kascade up"):
        Home(tmp_path).endpoints()


@pytest.mark.parametrize("text", ["", "[]", "null", '{"gateway": "http://127.0.0.1:1"}', "\udcff"])
@pytest.mark.parametrize("name", ["credentials.json", "endpoints.json", "store.json"])
def test_a_file_that_cannot_be_read_is_named_with_the_fix(tmp_path: Path, name: str, text: str) -> None:
    home = Home(tmp_path)
    home.prepare(fresh=False)
    home.remember_store("http://127.0.0.1:1")
    home.write_private("endpoints.json", json.dumps(dict.fromkeys(("gateway", "broker", "api"), "http://h")))
    home.credentials()
    (tmp_path / name).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(HomeError, match=f"{tmp_path / name} cannot be read: .*; .*kascade up"):
        home.store_environment()


@pytest.mark.parametrize("place", ["a-file", "a-file/state", "/proc/kascade"])
def test_a_place_that_can_be_no_folder_is_named_with_the_option(tmp_path: Path, place: str) -> None:
    (tmp_path / "a-file").touch()
    home = Home(tmp_path / place)
    with pytest.raises(HomeError, match=f"{home.path} cannot be a state folder: .*--home"):
        home.prepare(fresh=False)
    with pytest.raises(HomeError, match="no system runs in"):
        home.endpoints()


def test_the_option_wins_over_the_environment_and_that_over_the_default(tmp_path: Path) -> None:
    assert locate({"KASCADE_HOME": "/env"}, tmp_path).path == tmp_path
    assert locate({"KASCADE_HOME": "/env"}, None).path == Path("/env")
    assert locate({}, None).path == Path(".kascade").resolve()


def test_after_a_demonstration_a_system_starts_in_the_default_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for place in (DEMO_HOME, DEFAULT_HOME, DEMO_HOME):
        Home(place).prepare(fresh=False)


@pytest.mark.parametrize("command", [("up",), ("up", "--fresh"), ("demo",)])
def test_the_folder_of_a_running_system_is_refused_and_left_as_it_is(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    home = Home(tmp_path)
    with home.held():
        for name in ("endpoints.json", "store.json", "config.yaml", "broker.db"):
            (tmp_path / name).write_text("of the running system")
        refused = CliRunner().invoke(build(), [*command, "--home", str(tmp_path)]).exception
        assert isinstance(refused, HomeError)
        assert f"{tmp_path} is in use by another system (process {os.getpid()})" in str(refused)
        assert "name another folder with --home" in str(refused)
        for name in ("endpoints.json", "store.json", "config.yaml", "broker.db"):
            assert (tmp_path / name).read_text() == "of the running system"


def test_the_folder_of_a_runtime_that_somebody_else_started_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home_module, "_RUNTIME_ENDS_S", 0.1)
    home = Home(tmp_path)
    home.prepare(fresh=False)
    with StateDir(tmp_path):
        with pytest.raises(HomeError, match=f"in use by another runtime .process {os.getpid()}."):
            home.prepare(fresh=True)
        assert (tmp_path / "lock").exists()
    home.prepare(fresh=True)


def test_a_folder_stays_held_while_it_is_emptied_and_when_a_child_that_shares_the_lock_ends(
    tmp_path: Path,
) -> None:
    home = Home(tmp_path / "state")
    with home.held(fresh=True) as lock:
        with home.held(inherited=os.dup(lock)):
            pass
        with pytest.raises(HomeError, match="in use"):
            home.prepare(fresh=False)
    home.prepare(fresh=False)


def test_the_lock_of_a_killed_process_hinders_nobody(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys, time; from kascade.system.home import Home\n"
        "with Home(pathlib.Path(sys.argv[1])).held(): print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(HomeError, match=f"process {holder.pid}"):
            Home(tmp_path).prepare(fresh=True)
        holder.send_signal(signal.SIGKILL)
    Home(tmp_path).prepare(fresh=True)
