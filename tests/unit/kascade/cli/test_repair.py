"""`kascade repair`: a log that is whole, damaged, none, or in use."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kascade.cli import build
from kascade.system.home import Home, HomeError
from knative.local.broker.batch import Batch
from knative.local.broker.event import Record
from knative.local.broker.schema import open_log
from knative.local.broker.settings import BrokerSettings

BODY = b"what was stored " * 40


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A state folder whose log holds twenty events."""
    home = Home(tmp_path / "state")
    home.prepare(fresh=True)
    log = open_log(home.path / "broker.db", BrokerSettings())
    batch = Batch(lanes=[(1, "kascade/one")])
    for number in range(1, 21):
        batch.add_event(number, Record({"ce-id": str(number)}, BODY, 255), [1], lambda _: None)
    batch.write(log)
    log.close()
    (home.path / "broker.db").chmod(0o600)
    return home


def change(home: Home, at: int, content: bytes) -> None:
    with (home.path / "broker.db").open("r+b") as opened:
        opened.seek(at)
        opened.write(content)


def run(home: Home, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(build(), ["repair", "--home", str(home.path), *words])
    return done.exit_code, done.stdout


def test_a_whole_log_is_left_as_it_is(home: Home) -> None:
    before = sorted(each.name for each in home.path.iterdir())

    code, said = run(home)

    assert (code, "is whole" in said) == (0, True)
    assert sorted(each.name for each in home.path.iterdir()) == before


@pytest.mark.case("T1", "kascade repair, on a changed event and on a first page that is gone")
@pytest.mark.parametrize("lost", [1, 0])
def test_a_damaged_log_is_checked_and_then_repaired(home: Home, lost: int) -> None:
    at = (home.path / "broker.db").read_bytes().rindex(BODY) if lost else 0
    change(home, at, b"something else" if lost else bytes(4096))

    assert run(home, "--check")[0] == 1
    code, said = run(home, "--json")

    told = json.loads(said)
    assert code == 0
    assert told["wrong"]
    assert told["rebuilt"]["lost"] == ({"kascade/one": 1} if lost else {})
    assert os.stat(home.path / "broker.db").st_mode & 0o777 == 0o600
    log = open_log(home.path / "broker.db", BrokerSettings())
    assert log.execute("SELECT count(*) FROM events").fetchone() == (20 - lost,)
    log.close()
    assert run(home, "--check") == (0, f"{home.path / 'broker.db'} is whole\n")


def test_a_folder_in_use_or_without_a_log_is_said(home: Home, tmp_path: Path) -> None:
    with home.held(), pytest.raises(HomeError, match="is in use"):
        CliRunner().invoke(build(), ["repair", "--home", str(home.path)], catch_exceptions=False)
    (home.path / "broker.db").unlink()
    with pytest.raises(HomeError, match="there is no log"):
        CliRunner().invoke(build(), ["repair", "--home", str(home.path)], catch_exceptions=False)
    with pytest.raises(HomeError, match="there is no state folder"):
        CliRunner().invoke(build(), ["repair", "--home", str(tmp_path / "none")], catch_exceptions=False)
