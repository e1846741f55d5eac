"""Which system is meant: the option before the environment, an address before a folder."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from typer.testing import CliRunner

from kascade.cli import build
from kascade.cli.address_book import print_address_book
from kascade.cli.options import read_json
from kascade.system.home import Home, HomeError

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Desk


def test_a_gateway_is_reached_by_its_address(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KASCADE_URL", desk.home.endpoints().gateway + "/")
    for words in (["send", "my.type", "--id", "7"], ["events"], ["models"]):
        assert CliRunner().invoke(build(), words).exit_code == 0
    assert [event.id for event in desk.sent] == ["7"]


def test_a_store_that_cannot_be_reached_is_named_by_its_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setenv("KASCADE_URL", "k8s://")
    for words in (
        ["drop", str(tmp_path / "a.csv"), "--model", "m"],
        ["label", "m", "--file", str(tmp_path / "a.csv")],
    ):
        said = str(CliRunner().invoke(build(), words).exception)
        assert "AWS_ENDPOINT_URL_S3 (http://127.0.0.1:9), AWS_ACCESS_KEY_ID" in said, said


@pytest.mark.parametrize(
    ("name", "value"),
    [("AWS_SECRET_ACCESS_KEY", ""), ("AWS_ENDPOINT_URL_S3", "http://:9000"), ("AWS_PROFILE", "nobody")],
)
def test_variables_that_name_no_store_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    given = {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
    }
    for each, text in {**given, "KASCADE_URL": "k8s://", name: value}.items():
        monkeypatch.setenv(each, text)
    done = CliRunner().invoke(build(), ["drop", str(tmp_path / "a.csv"), "--model", "m"])
    assert isinstance(done.exception, HomeError)
    assert "AWS_ACCESS_KEY_ID" in str(done.exception)


def test_the_address_book_names_the_folder_where_commands_would_go_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    home = Home(tmp_path / ".kascade")
    home.prepare(fresh=True)
    home.write_private(
        "endpoints.json", json.dumps(dict.fromkeys(("gateway", "broker", "api"), "http://h:1"))
    )
    home.remember_store("http://h:2")
    for url in ("", "k8s://"):
        monkeypatch.setenv("KASCADE_URL", url)
        console = Console(file=io.StringIO(), width=500)
        print_address_book(home, console)
        assert isinstance(console.file, io.StringIO)
        told = f"kascade events --follow --home {home.path}" in console.file.getvalue()
        assert told is bool(url)


def test_a_file_in_place_of_json_is_told_how_files_are_given(tmp_path: Path) -> None:
    file = tmp_path / "ask.json"
    file.write_text('{"amount": 12.5}')

    with pytest.raises(HomeError, match=r"is not JSON: .*; @/.*ask\.json stands for what the file holds"):
        read_json(str(file))
    assert read_json(f"@{file}") == {"amount": 12.5}
