"""What the page about the Python client names is there, and what is there is named."""

from __future__ import annotations

import re
from pathlib import Path

import kascade

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "python.md").read_text()
METHODS = {name for name in dir(kascade.Client) if not name.startswith("_")}


def test_the_page_names_every_method() -> None:
    assert METHODS - set(re.findall(r"[`.]([a-z_]+)[`(]", PAGE)) == set()


def test_the_page_calls_no_method_that_is_not_there() -> None:
    assert set(re.findall(r"client\.([a-z_]+)\(", PAGE)) <= METHODS


def test_the_page_names_what_the_package_exports() -> None:
    assert set(kascade.__all__) - {"Client"} <= set(re.findall(r"\w+", PAGE))


def test_the_examples_are_python() -> None:
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        compile(block, "python.md", "exec")
