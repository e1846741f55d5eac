"""Tests stand at the path of what they test."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


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
