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
from kascade.cli.options import reach_of, url_of
from kascade.system.home import Home, HomeError

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Desk


def test_an_address_in_the_environment_comes_before_the_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KASCADE_HOME", "here")
    assert url_of(None) is None
    monkeypatch.setenv("KASCADE_URL", "http://there:8080")
    assert url_of(None) == "http://there:8080"
    assert url_of("a/folder") is None
    assert url_of("k8s://") == "k8s://"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x",
        "http://",
        "http://x/path",
        "k8s://a/b/c",
        "k8s:///Upper",
        "k8s:///x_y",
        "://",
        "k8s://c/ns?x",
    ],
)
def test_what_is_no_address_is_told_how_one_is_written(url: str) -> None:
    with pytest.raises(HomeError, match="is no address of a system: write http://HOST:PORT"):
        reach_of(url)


def test_an_address_without_a_scheme_in_the_environment_is_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KASCADE_URL", "localhost:8080")
    with pytest.raises(HomeError, match="localhost:8080 is no address"):
        reach_of(None)


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
