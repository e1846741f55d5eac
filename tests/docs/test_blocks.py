"""Every block of code in a document is read as what it says it is: no page shows what cannot be typed."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
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


def blocks(language: str) -> list[Any]:
    return [
        pytest.param(textwrap.dedent(found["text"]), id=f"{document.relative_to(ROOT)}:{number}")
        for document in DOCUMENTS
        for number, found in enumerate(BLOCK.finditer(document.read_text(encoding="utf-8")))
        if found["language"] == language
    ]


def typed(block: str) -> list[str]:
    """Return what a console block asks to type, each command with its further lines."""
    commands: list[str] = []
    going_on = False
    for line in block.splitlines():
        if line.startswith("$ "):
            commands.append(line.removeprefix("$ "))
        elif going_on:
            commands[-1] += f"\n{line}"
        going_on = bool(commands) and not is_whole(commands[-1])
    return commands


def is_whole(command: str) -> bool:
    """Say whether a shell would ask for no further line."""
    try:
        shlex.split(command, comments=True)
    except ValueError:
        return False
    if command.startswith("for "):
        return command.rstrip().endswith("done")
    return not command.endswith("\\")


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
            complete = block if "target" in document else f"target: y\n{block}"
            parse_spec(complete.encode(), model=document.get("model", "orders"))
        elif isinstance(document, dict) and "kind" in document:
            assert "apiVersion" in document


def test_what_is_to_be_typed_can_be_read_by_bash() -> None:
    script = "\n".join(command for block in blocks("console") for command in typed(block.values[0]))
    script = re.sub(r"<[a-z][a-z -]*>", "PLACEHOLDER", script)
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True)
    assert done.stderr == ""


def test_commands_of_kascade_take_what_documents_give_them() -> None:
    root: Any = get_command(build())
    refused = {}
    for block in blocks("console"):
        for command in typed(block.values[0]):
            for words in simple_commands(command):
                if words[:1] == ["kascade"] and (why := refusal(root, words[1:])):
                    refused[f"{block.id}: {command}"] = why
    assert refused == {}


def simple_commands(command: str) -> Iterator[list[str]]:
    """Yield the words of each command of a line, without where their output goes."""
    lexer = shlex.shlex(command.replace("\\\n", " "), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for token in lexer:
        if set(token) <= set("|&;<>()"):
            yield words
            words = [">"] if set(token) <= set("<>") else []
        else:
            words.append(token)
    yield words


def refusal(command: Any, words: list[str]) -> str | None:
    """Return why a command does not take these words; values need not be good, nor files there."""
    while hasattr(command, "commands"):
        if not words or words[0].startswith("-"):
            return None
        if words[0] not in command.commands:
            return f"there is no command {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    try:
        command.make_context(command.name, list(words))
    except (typer.Exit, typer.BadParameter) as error:
        return str(error) if "Missing" in type(error).__name__ else None
    except Exception as error:
        return str(error)
    return None
