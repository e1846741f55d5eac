"""docs/broker.md says which test shows which check of Knative's broker contract; both must stay true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {
    "component": ROOT / "tests/component/knative/local/broker",
    "unit": ROOT / "tests/unit/knative/local/broker",
    "local": ROOT / "tests/component/knative/local",
}
PAGE = (ROOT / "docs/broker.md").read_text().replace("\n  ", " ")
ROWS = re.findall(r"^- (\d+): .* \((.*)\)$", PAGE, re.MULTILINE)


def numbers_in(file: Path) -> set[int]:
    """Return the checks that the file's tests name, `test_68_to_74_…` or `test_04_06_…`."""
    found: set[int] = set()
    for first, last in re.findall(r"^def test_((?:\d\d_)+)(?:to_(\d\d)_)?", file.read_text(), re.MULTILINE):
        listed = [int(number) for number in first.strip("_").split("_")]
        found |= set(range(listed[0], int(last) + 1)) if last else set(listed)
    return found


def test_every_check_has_its_row() -> None:
    assert [int(number) for number, _ in ROWS] == list(range(1, 86))


@pytest.mark.parametrize(("number", "shown_by"), [(int(number), shown_by) for number, shown_by in ROWS])
def test_the_tests_that_a_row_names_are_there(number: int, shown_by: str) -> None:
    files = re.findall(r"`(\w+)/([\w/.]+)`", shown_by)

    assert files or number == 21
    for folder, name in files:
        file = FOLDERS[folder] / name
        assert file.is_file()
        assert folder == "local" or number in numbers_in(file)
