"""Every block of code in a document is read as what it says it is: no page shows what cannot be typed."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import textwrap
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from typer.main import get_command

from kascade.cli import build
from pipelines.spec import ModelSpec, parse_spec

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    path
    for pattern in ("README.md", "docs/**/*.md", "functions/*/README.md", "tests/*/README.md")
    for path in ROOT.glob(pattern)
)
BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w+)\n(?P<text>.*?)^ *```$", re.DOTALL | re.MULTILINE)
WRONG = (click.NoSuchOption, click.MissingParameter)


def blocks(language: str) -> list[Any]:
    return [
        pytest.param(textwrap.dedent(found["text"]), id=f"{document.relative_to(ROOT)}:{number}")
        for document in DOCUMENTS
        for number, found in enumerate(BLOCK.finditer(document.read_text(encoding="utf-8")))
        if found["language"] == language
    ]


def typed(block: str) -> list[str]:
    """Return what a console block asks to type, a command with its continuation lines each."""
    lines = re.sub(r"\\\n", " ", block).splitlines()
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


@pytest.mark.parametrize("block", blocks("python"))
def test_python_is_python(block: str) -> None:
    ast.parse(block)


@pytest.mark.parametrize("block", blocks("json"))
def test_json_is_json(block: str) -> None:
    json.loads(block)


@pytest.mark.parametrize("block", blocks("yaml"))
def test_yaml_is_yaml_and_that_of_a_model_is_taken(block: str) -> None:
    for document in yaml.safe_load_all(block):
        if isinstance(document, dict) and document.keys() <= ModelSpec.model_fields.keys() | {"schema"}:
            parse_spec(yaml.safe_dump({"target": "y", **document}).encode(), model="orders")
        elif isinstance(document, dict) and "kind" in document:
            assert "apiVersion" in document


def test_what_is_to_be_typed_can_be_read_by_bash() -> None:
    script = "\n".join(command for block in blocks("console") for command in typed(block.values[0]))
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True)
    assert done.stderr == ""


def test_commands_of_kascade_take_what_documents_give_them() -> None:
    root: Any = get_command(build())
    refused = {}
    for block in blocks("console"):
        for command in typed(block.values[0]):
            for part in re.split(r"\s(?:&&|\|\||[|;&>])\s|\s[<>]", f"{command} "):
                if (words := part.split())[:1] == ["kascade"] and (why := refusal(root, words[1:])):
                    refused[f"{block.id}: {part.strip()}"] = why
    assert refused == {}


def refusal(command: Any, words: list[str]) -> str | None:
    """Return why a command does not take these words; files need not be there."""
    words = [word.strip("'\"") for word in words]
    while isinstance(command, click.Group) or hasattr(command, "commands"):
        if not words or words[0].startswith("-"):
            return None
        found = command.commands.get(words[0])
        if found is None:
            return f"there is no command {words[0]}"
        command, words = found, words[1:]
    try:
        command.make_context(command.name, list(words))
    except WRONG as error:
        return error.format_message()
    except (click.exceptions.Exit, click.BadParameter):
        return None
    except click.UsageError as error:
        return error.format_message()
    return None
