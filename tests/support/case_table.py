"""Writes docs/cases.md: each case of tests/cases.toml, the tests that hold it, and how they ended.

A pytest plugin: `pytest -p support.case_table --case-table docs/cases.md -m case` (`make cases`).
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_HEAD = """# The table of cases

Inputs that once gave something wrong, what is right, and the tests that hold it. `make cases` runs exactly
those tests and writes this page; the sentences stand in `tests/cases.toml`, and a test names its case by
`@pytest.mark.case("<label>")`.
"""
_PROPERTY = "case"
_OUTCOMES = ("passed", "failed", "skipped")


@dataclass(frozen=True)
class Case:
    """An input and what is right; `open` says why no test holds it, where none does."""

    input: str
    right: str
    open: str = ""


@dataclass
class Results:
    """How the tests of each case ended: by label, file and name of the test."""

    found: dict[str, dict[tuple[str, str], Counter[str]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(Counter))
    )

    def note(self, report: pytest.TestReport) -> None:
        """Count a report: a test's own, or the one that kept it from running."""
        if report.when != "call" and report.passed:
            return
        file, _, name = report.nodeid.partition("::")
        for key, value in report.user_properties:
            if key == _PROPERTY:
                self.found[str(value)][file, name.partition("[")[0]][report.outcome] += 1


def read_cases(path: Path = ROOT / "tests" / "cases.toml") -> dict[str, Case]:
    """Read the cases by their labels."""
    return {label: Case(**said) for label, said in tomllib.loads(path.read_text(encoding="utf-8")).items()}


def marked(folder: Path = ROOT / "tests") -> dict[str, list[str]]:
    """Find the labels that tests are marked with, and the file and line of each."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(folder.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        if "mark.case" not in source:
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.case":
                label = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else "?"
                found[str(label)].append(f"{path.relative_to(folder)}:{node.lineno}")
    return found


def faults(cases: Mapping[str, Case], labels: Mapping[str, Iterable[str]]) -> list[str]:
    """Say which case has no test, and which test names no case."""
    found = []
    for label, case in cases.items():
        if not case.open and label not in labels:
            found.append(f"{label}: no test is marked with it")
    for label in labels.keys() - cases.keys():
        found += [f"{place}: there is no case {label!r}" for place in labels[label]]
    return found


def unproven(page: str, cases: Mapping[str, Case]) -> list[str]:
    """Say of which cases a page tells that a test failed, or that none passed."""
    found = []
    for label, passed, failed in re.findall(
        r"^\| (\S+) \| \d+ \| (\d+) \| (\d+) \| \d+ \|$", page, re.MULTILINE
    ):
        if int(failed):
            found.append(f"{label}: {failed} failed")
        elif not int(passed) and not cases[label].open:
            found.append(f"{label}: none passed")
    return found


def table(cases: Mapping[str, Case], results: Results) -> str:
    """Write the page."""
    lines = [_HEAD, "| case | tests | passed | failed | skipped |", "| --- | --- | --- | --- | --- |"]
    for label in cases:
        ended = sum(results.found.get(label, {}).values(), Counter())
        counts = [str(ended[outcome]) for outcome in _OUTCOMES]
        lines.append(f"| {label} | {len(results.found.get(label, {}))} | {' | '.join(counts)} |")
    for label, case in cases.items():
        lines += ["", f"## {label}", "", case.input, "", f"Right: {case.right}", ""]
        found = results.found.get(label, {})
        lines += list(_listed(found)) if found or not case.open else [f"Open: {case.open}"]
    return "\n".join(lines) + "\n"


def _listed(tests: Mapping[tuple[str, str], Counter[str]]) -> Iterable[str]:
    for file in sorted({file for file, _ in tests}):
        yield f"- `{file}`"
        for (where, name), ended in sorted(tests.items()):
            if where == file:
                yield f"  - `{name}`: " + ", ".join(
                    f"{ended[each]} {each}" for each in _OUTCOMES if ended[each]
                )


def pytest_addoption(parser: pytest.Parser) -> None:
    """The page to write."""
    parser.addoption("--case-table", type=Path, help="write the table of cases to this file")


def pytest_configure(config: pytest.Config) -> None:
    """Collect results where reports come together."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Writer(config.getoption("--case-table")), "case_table")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have each report carry the labels of its test."""
    for item in items:
        labels = {str(mark.args[0]) for mark in item.iter_markers("case")}
        item.user_properties += [(_PROPERTY, label) for label in sorted(labels)]


class _Writer:
    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._results = Results()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._results.note(report)

    def pytest_sessionfinish(self) -> None:
        if self._path:
            self._path.write_text(table(read_cases(), self._results), encoding="utf-8")
