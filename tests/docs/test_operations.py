"""Every command is in the operator's page, and says in its help how it is typed."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from typer.main import get_command

from kascade.cli import build

ROOT_FOLDER = Path(__file__).resolve().parents[2]
PAGE = ROOT_FOLDER / "docs" / "operations.md"
ROOT = get_command(build())
COMMANDS: dict[str, click.Command] = ROOT.commands  # type: ignore[attr-defined]


def typed() -> set[str]:
    """The commands that the page's console blocks type."""
    blocks = re.findall(r"```console\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return {name for block in blocks for name in re.findall(r"^\$ kascade ([a-z]+)", block, re.MULTILINE)}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_is_shown_at_work_and_in_the_table(name: str) -> None:
    assert name in typed()
    table = PAGE.read_text(encoding="utf-8").split("## ")[0]
    assert f"`kascade {name}`" in table


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"spec"}))
def test_every_commands_help_has_an_example_of_itself(name: str) -> None:
    assert f"Example: kascade {name}" in (COMMANDS[name].epilog or "")


def test_every_command_that_prints_a_result_prints_it_as_json_too() -> None:
    options = {
        name: {word for each in command.params for word in each.opts} for name, command in COMMANDS.items()
    }
    # demo ends with a line of JSON, logs are as they were written; the commands of the others have it.
    without = {name for name, words in options.items() if "--json" not in words}
    assert without == {"demo", "features", "logs", "new", "spec"}


def test_no_page_names_a_command_that_is_not_there() -> None:
    pages = [
        *(ROOT_FOLDER / "docs").rglob("*.md"),
        *(ROOT_FOLDER / "functions").rglob("*.md"),
        ROOT_FOLDER / "README.md",
    ]
    named = {
        (page.name, name)
        for page in pages
        if "decisions" not in page.parts  # they tell of what was then
        for name in re.findall(
            r"(?:`|^\$ )kascade ([a-z][a-z-]*)", page.read_text(encoding="utf-8"), re.MULTILINE
        )
    }
    assert {each for each in named if each[1] not in COMMANDS} == set()


def test_the_help_has_examples() -> None:
    examples = re.findall(r"^kascade ([a-z]+)", ROOT.epilog or "", re.MULTILINE)
    assert set(examples) <= set(COMMANDS)
    assert {"demo", "explain", "rollback", "replay"} <= set(examples)
