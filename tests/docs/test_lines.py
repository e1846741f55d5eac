"""Documents can be read in a narrow window, and their tables are tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
OF_FUNCTIONS = sorted((ROOT / "functions").glob("*/README.md"))
LONGEST = 119
_SEPARATOR = re.compile(r"\|( *:?-+:? *\|)+")


def long_lines(text: str) -> Iterator[int]:
    """Yield the number of each line that is too long. What a command printed stands as it was printed."""
    fence = ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fence = "" if fence else line.strip()
        printed = fence in ("```console", "```text", "```") and not line.lstrip().startswith("$ ")
        if len(line) > LONGEST and not printed:
            yield number


def broken_tables(text: str) -> Iterator[int]:
    """Yield the number of each line below the head of a table that has other columns than the head.

    Such lines are no table where Markdown is shown.
    """
    lines = text.splitlines()
    for number, line in enumerate(lines[1:], 2):
        if _SEPARATOR.fullmatch(line) and lines[number - 2].count("|") != line.count("|"):
            yield number


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_lines_of_a_document_are_under_120_characters(document: Path) -> None:
    assert list(long_lines(document.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "document", [*DOCUMENTS, *OF_FUNCTIONS], ids=lambda path: str(path.relative_to(ROOT))
)
def test_the_tables_of_a_document_are_whole(document: Path) -> None:
    assert list(broken_tables(document.read_text(encoding="utf-8"))) == []


def test_a_long_line_is_found_in_prose_in_tables_and_in_what_is_typed() -> None:
    long = "x" * 120
    assert list(
        long_lines(f"{long}\n| {long} |\n```console\n$ {long}\n{long}\n```\n```yaml\n{long}\n```\n")
    ) == [1, 2, 4, 8]


def test_a_table_whose_head_lacks_a_column_is_found() -> None:
    assert list(broken_tables("| a | b |\n| --- | --- |\n| c | d |\n\n| a |\n| --- | --- |\n")) == [6]
