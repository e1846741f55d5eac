"""Documents can be read in a narrow window: their lines are under 120 characters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LONGEST = 119


def long_lines(text: str) -> Iterator[int]:
    """Yield the number of each line that is too long. What a command printed stands as it was printed."""
    fence = ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fence = "" if fence else line.strip()
        printed = fence in ("```console", "```text", "```") and not line.lstrip().startswith("$ ")
        if len(line) > LONGEST and not printed:
            yield number


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_lines_of_a_document_are_under_120_characters(document: Path) -> None:
    assert list(long_lines(document.read_text(encoding="utf-8"))) == []


def test_a_long_line_is_found_in_prose_in_tables_and_in_what_is_typed() -> None:
    long = "x" * 120
    assert list(
        long_lines(f"{long}\n| {long} |\n```console\n$ {long}\n{long}\n```\n```yaml\n{long}\n```\n")
    ) == [1, 2, 4, 8]
