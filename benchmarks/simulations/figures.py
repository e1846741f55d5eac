"""One figure of the lists in docs/statistics.md, and how the lists are put into the page."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "statistics.md"
BEGIN, END = "<!-- simulations: begin -->", "<!-- simulations: end -->"


@dataclass(frozen=True, slots=True)
class Figure:
    """What was simulated, what came out, and of how much."""

    case: str
    result: str
    of: str


def table(parts: Iterable[tuple[str, list[Figure]]]) -> str:
    """Return the figures as Markdown, one list for each part."""
    lines = []
    for heading, figures in parts:
        lines += ["", f"### {heading}", ""]
        for each in figures:
            text = f"{each.case}: {each.result} ({each.of})"
            lines += textwrap.wrap(text, 119, initial_indent="- ", subsequent_indent="  ")
    return "\n".join([*lines, ""])


def replaced(page: str, made: str, begin: str = BEGIN, end: str = END) -> str:
    """Return the page with the text between its markers replaced.

    Raises:
        ValueError: the page lacks a marker.
    """
    before, found, rest = page.partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"the page needs the lines {begin} and {end}")
    return f"{before}{begin}\n{made}\n{end}{after}"
