"""What is wrong with a model.yaml: every problem at once, each naming its place and its fix.

SpecError
"""

from __future__ import annotations

from collections.abc import Iterable

from eventing.catalogue import Problem


class SpecError(Exception):
    """The model.yaml is refused. `problems` lists all that is wrong with it, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(render(problem) for problem in self.problems))


def render(problem: Problem) -> str:
    """Write one problem as a line: place, what is wrong, how to fix it."""
    return f"{problem.where}: {problem.problem}" + (f" (fix: {problem.fix})" if problem.fix else "")
