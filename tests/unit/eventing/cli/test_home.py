"""The state folder: what it refuses, what it keeps private."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from eventing.cli.home import DEFAULT_HOME, DEMO_HOME, Home, HomeError, locate


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


def test_asking_a_folder_without_a_system_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(HomeError, match="kascade up"):
        Home(tmp_path).endpoints()


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
