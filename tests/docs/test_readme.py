"""What the documents tell people to type exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from kascade.cli import build

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *ROOT.glob("[fk]*/*/README.md")])
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


def console_lines(document: Path) -> list[list[str]]:
    """Return the words of each line that a document's console blocks ask a person to type."""
    blocks = re.findall(r"```console\n(.*?)```", document.read_text(), re.DOTALL)
    lines = [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    return [
        shlex.split(line.rstrip("\\"), comments=True)
        for line in lines
        if "'" not in line or line.count("'") % 2 == 0
    ]


def test_every_make_target_is_in_the_help_and_the_main_ones_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text()
    assert {"help", "install", "check", "test", "run", "demo", "clean"} <= TARGETS
    for target in ("demo", "test", "run", "minio", "bench", "help"):
        assert f"make {target}" in text


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_make_target_and_command_that_a_document_names_exists(document: Path) -> None:
    commands = get_command(build()).commands  # type: ignore[attr-defined]
    for words in console_lines(document):
        if words[:1] == ["make"]:
            assert set(words[1:]) - {word for word in words if "=" in word} <= TARGETS, words
        if words[:1] == ["kascade"] and not words[1].startswith("-"):
            command = commands[words[1]]
            for part in words[2:3]:
                command = getattr(command, "commands", {}).get(part, command)
            options = {
                name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)
            }
            used = {word.split("=")[0] for word in words if word.startswith("-")}
            assert used <= options | {"--help", "-h"}, f"{document.name}: {words}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), f"{document.name} links to {target}"
