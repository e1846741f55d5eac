"""Every case has a test, every marked test a case, and the page is of these cases and tests."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.case_table import ROOT, Case, faults, marked, read_cases, unproven


def test_every_case_has_a_test_and_every_marked_test_a_case() -> None:
    assert faults(read_cases(), marked()) == []


def test_the_page_lists_these_cases_and_tests_that_are_there() -> None:
    path = ROOT / "docs" / "cases.md"
    if not path.exists():
        pytest.skip("make cases")
    page = path.read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == list(read_cases())
    for case in read_cases().values():
        assert {case.input, f"Right: {case.right}"} <= set(page.splitlines()), "make cases"
    file = ""
    for kind, name in re.findall(r"^( *)- `([^`]+)`", page, re.MULTILINE):
        if not kind:
            file = (ROOT / name).read_text(encoding="utf-8")
        else:
            assert f"def {name.split('::')[-1]}(" in file, f"{name}: make cases"


def test_on_the_page_no_test_failed_and_no_case_rests_on_skipped_tests_alone() -> None:
    path = ROOT / "docs" / "cases.md"
    if not path.exists():
        pytest.skip("make cases")
    assert unproven(path.read_text(encoding="utf-8"), read_cases()) == []


def test_a_page_with_a_failure_or_with_skipped_tests_alone_is_not_taken() -> None:
    cases = {"A": Case("in", "out"), "B1": Case("in", "out"), "C": Case("in", "out", open="later")}
    page = "| A | 2 | 2 | 1 | 1 |\n| B1 | 1 | 0 | 0 | 1 |\n| C | 0 | 0 | 0 | 0 |\n"
    assert unproven(page, cases) == ["A: 1 failed", "B1: none passed"]


def test_a_case_without_a_test_and_a_test_without_a_case_are_named(tmp_path: Path) -> None:
    tests = tmp_path / "test_it.py"
    tests.write_text('import pytest\n\n@pytest.mark.case("B1", "a folder")\ndef test_it(): ...\n')
    cases = {"A": Case("in", "out"), "C": Case("in", "out", open="later")}
    assert faults(cases, marked(tmp_path)) == [
        "A: no test is marked with it",
        "test_it.py:3: there is no case 'B1'",
    ]
    assert faults({"B1": Case("in", "out", open="later")}, marked(tmp_path)) == []


def test_the_page_counts_how_the_tests_of_a_case_ended(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = case: a case\n")
    (tmp_path / "test_it.py").write_text(
        """
import pytest

@pytest.mark.case("A", "by number")
@pytest.mark.parametrize("number", [1, 2, 3])
def test_number(number):
    assert number < 3

@pytest.mark.case("A")
@pytest.mark.case("B1")
def test_absent():
    pytest.skip("absent")
"""
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "support.case_table",
        "--case-table",
        "page.md",
        "-n",
        "1",
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "tests")}
    ended = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    page = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "| A | 2 | 2 | 1 | 1 |\n" in page, ended.stdout + ended.stderr
    assert "| B1 | 1 | 0 | 0 | 1 |\n" in page
    assert "- `test_it.py`\n  - `test_absent`: 1 skipped\n  - `test_number`: 2 passed, 1 failed\n" in page
