"""What a person mistypes, and where it is printed: one clear line, never a traceback."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from eventing.event import originate
from kascade.cli import main
from kascade.cli.address_book import print_address_book
from kascade.cli.models import show
from kascade.system.home import Home

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Desk


def run(desk: Desk, monkeypatch: pytest.MonkeyPatch, *words: str, encoding: str = "utf-8") -> tuple[int, str]:
    """Type a command as a program; return its exit code and what it printed on either stream."""
    printed = io.BytesIO()
    stream = io.TextIOWrapper(printed, encoding=encoding, write_through=True)
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, stream)
    monkeypatch.setattr(sys, "argv", ["kascade", *words, "--home", str(desk.home.path)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0), printed.getvalue().decode(encoding)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("send", "x", "--source", "a b"), "source is not a URI-reference"),
        (("send", ""), "type must not be empty"),
        (("send", "x", "--subject", "a\nb"), "subject holds U+000A"),
        (("send", "training.requested", "-d", '{"model": 5}'), "model in the data must be text, not 5"),
        (("invoke", "f", "x", "--source", "a b"), "source is not a URI-reference"),
    ],
)
def test_what_is_no_event_is_not_sent_and_the_place_is_named(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], told: str
) -> None:
    code, said = run(desk, monkeypatch, *words)
    assert (code, told in said, "Traceback" in said) == (2, True, False), said
    assert desk.sent == []


def test_an_event_may_be_about_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(desk, monkeypatch, "send", "my.type", "--id", "7") == (0, "7\n")
    assert [(event.type, event.subject) for event in desk.sent] == [("my.type", None)]


def test_data_that_cannot_be_read_is_named(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "binary").write_bytes(b"\x7fELF\xb0")
    for data, told in (
        (f"@{tmp_path}", f"{tmp_path} cannot be read: Is a directory"),
        (f"@{tmp_path}/binary", f"{tmp_path}/binary is not JSON: 'utf-8' codec can't decode byte 0xb0"),
        ("[" * 100_000, "is not JSON: maximum recursion depth"),
    ):
        code, said = run(desk, monkeypatch, "send", "x", "-d", data)
        assert (code, told in said) == (1, True), said


def test_ids_come_out_as_json(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(desk, monkeypatch, "send", "my.type", "--id", "7", "--json") == (0, '{"id": "7"}\n')


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "utf-8"])
def test_events_are_the_same_json_whatever_the_outputs_encoding(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    said = "“é” 😀"
    desk.record(originate("my.type", "/me", "s", {"said": said}))
    code, printed = run(desk, monkeypatch, "events", "--json", encoding=encoding)
    assert (code, json.loads(printed)["event"]["data"]["said"]) == (0, said)
    assert run(desk, monkeypatch, "events", encoding=encoding)[0] == 0


def test_an_error_is_printed_as_it_is_whatever_brackets_are_in_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("/no/[bold]/[/red]/file", "/no/[/]", "/no/:bug:"):
        code, said = run(desk, monkeypatch, "send", "x", "-d", f"@{place}")
        assert (code, said) == (1, f"kascade: there is no file {place}\n")


NAME = "[/x] [bold] :bug: [y]"


def test_what_a_person_named_is_printed_as_it_is(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.record(originate("[/red]", "/me", NAME, {}, id_="chain"))
    for command in (("events",), ("explain", "chain")):
        code, printed = run(desk, monkeypatch, *command)
        assert (code, "[/red]" in printed, NAME in printed) == (0, True, True), printed


def test_the_addresses_of_a_system_name_its_folder_as_it_is(tmp_path: Path) -> None:
    home = Home(tmp_path / "[bold]" / "[" / "x]")
    home.prepare(fresh=True)
    home.write_private(
        "endpoints.json", json.dumps(dict.fromkeys(("gateway", "broker", "api"), "http://h:1"))
    )
    home.remember_store("http://h:2")
    console = Console(file=io.StringIO(), width=500)
    print_address_book(home, console)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert sum(str(home.path) in line for line in lines) == 7


def test_a_version_is_listed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    version = {"version": 1, "state": "[/x]", "metrics": {"[bold]": 1.0}}
    show({"model": "m", "versions": [version]}, Console(highlight=False, width=200))
    printed = capsys.readouterr().out
    assert "[/x]" in printed
    assert "[bold] 1" in printed
