"""What is wrong with a model.yaml: every problem at once, each naming its place and its fix.

SpecError
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from eventing.catalogue import Problem


class SpecError(Exception):
    """The model.yaml is refused. `problems` lists all that is wrong with it, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(render(problem) for problem in self.problems))


def render(problem: Problem) -> str:
    """Write one problem as a line: place, what is wrong, how to fix it."""
    return f"{problem.where}: {problem.problem}" + (f" (fix: {problem.fix})" if problem.fix else "")


def nearest(word: str, known: Sequence[str]) -> str:
    """Say which known name is meant, or list them all."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else f"one of {', '.join(known)}"
