"""Tests stand at the path of what they test."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "tests" / "unit"


def test_every_folder_of_tests_is_the_path_of_a_package_or_module() -> None:
    folders = {
        path.parent
        for kind in ("unit", "component", "contract")
        for path in (ROOT / "tests" / kind).rglob("test_*.py")
    }
    sources = {folder: ROOT / Path(*folder.relative_to(ROOT / "tests").parts[1:]) for folder in folders}
    astray = [
        folder
        for folder, source in sources.items()
        if not (source.is_dir() or source.with_suffix(".py").is_file())
    ]
    assert [
        f"{folder.relative_to(ROOT)}: there is no {sources[folder].relative_to(ROOT)}" for folder in astray
    ] == []
    assert len(folders) > 40


def test_every_unit_test_imports_what_stands_at_its_path() -> None:
    """What it tests may come by a fixture, so a conftest.py beside or above it counts as well."""
    tests = sorted(UNIT.rglob("test_*.py"))
    astray = []
    for test in tests:
        package = ".".join(test.parent.relative_to(UNIT).parts)
        files = [test, *(folder / "conftest.py" for folder in test.parents if UNIT in folder.parents)]
        imported = {f"{name}." for file in files if file.is_file() for name in imported_by(file)}
        if not any(name.startswith(f"{package}.") for name in imported):
            astray.append(f"{test.relative_to(ROOT)}: imports nothing of {package}")
    assert astray == []
    assert len(tests) > 150


def imported_by(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{each.name}" for each in node.names)
