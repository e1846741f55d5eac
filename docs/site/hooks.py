"""Lets links that lead out of docs/ work on the site as they do in the repository.

A linked Markdown file becomes a page below `source/`, any other linked file or folder a page that shows it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
SOURCE = "source/"
_LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")
_FENCED = re.compile(r"^( *```.*?^ *```)", re.MULTILINE | re.DOTALL)
_KNOWN = {".py": "python", ".yaml": "yaml", ".toml": "toml", ".json": "json"}


def on_files(files: Files, *, config: Any) -> Files:
    """Add a page for each file outside docs/ that a page links to, and for those that these link to."""
    docs = Path(config.docs_dir)
    waiting = [docs / file.src_uri for file in files.documentation_pages()]
    seen: set[str] = set()
    while waiting:
        page = waiting.pop()
        for path in _outside(page, docs):
            place = page_of(path)
            if place in seen:
                continue
            seen.add(place)
            files.append(File.generated(config, place, content=content_of(path)))
            if (read := readme_of(path)) is not None:
                waiting.append(read)
    return files


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Files) -> str:
    """Lead each link that leaves docs/, or that comes from outside of it, to the page made for it."""
    here = page.file.src_uri
    docs = Path(config.docs_dir)
    origin = source_of(here) if here.startswith(SOURCE) else docs / here

    def led(match: re.Match[str]) -> str:
        target = _resolved(origin, match[1])
        if target is None:
            return match[0]
        inside = target.is_relative_to(docs) and target.suffix and target.name != "LICENSE"
        place = target.relative_to(docs).as_posix() if inside else page_of(target)
        return f"]({posixpath.relpath(place, posixpath.dirname(here) or '.')}{match[2] or ''})"

    return four_spaces(outside_of_fences(markdown, lambda text: _LINK.sub(led, text)))


def four_spaces(markdown: str) -> str:
    """Indent what belongs to an item of a list by four spaces a level, as Python-Markdown asks for.

    GitHub takes what begins under the item's text, two or three spaces in.
    """
    lines, shift, fence = [], 0, ""
    for line in markdown.splitlines():
        indent = len(line) - len(line.lstrip(" "))
        if not fence:
            level = 1 if indent in (2, 3) else 2 if indent in (4, 5, 6) else 0
            shift = 4 * level - indent if level else 0
        if line.lstrip().startswith("```"):
            fence = "" if fence else line.strip()
        lines.append(" " * shift + line if line else line)
    return "\n".join(lines) + "\n"


def outside_of_fences(markdown: str, change: Callable[[str], str]) -> str:
    """Change the text between blocks of code."""
    parts = _FENCED.split(markdown)
    return "".join(part if number % 2 else change(part) for number, part in enumerate(parts))


def page_of(path: Path) -> str:
    """Return where on the site a file or folder of the repository is shown."""
    readme = readme_of(path)
    return SOURCE + (readme or Path(f"{path}.md")).relative_to(ROOT).as_posix()


def source_of(place: str) -> Path:
    """Return what of the repository a page below `source/` shows."""
    path = ROOT / place.removeprefix(SOURCE)
    return path if path.is_file() else path.with_suffix("")


def readme_of(path: Path) -> Path | None:
    """Return the Markdown file that shows a path: itself, or the README of a folder."""
    shown = path / "README.md" if path.is_dir() else path
    return shown if shown.suffix == ".md" and shown.is_file() else None


def content_of(path: Path) -> str:
    """Return the Markdown of a page that shows a file or folder."""
    readme = readme_of(path)
    if readme is not None:
        return readme.read_text(encoding="utf-8")
    name = path.relative_to(ROOT).as_posix()
    if path.is_dir():
        return f"# {name}\n\n" + "\n".join(f"- `{each.name}`" for each in sorted(path.iterdir()))
    return f"# {name}\n\n````{_KNOWN.get(path.suffix, 'text')}\n{path.read_text(encoding='utf-8')}\n````\n"


def _outside(page: Path, docs: Path) -> list[Path]:
    text = _FENCED.sub("", page.read_text(encoding="utf-8"))
    found = [path for link in _LINK.finditer(text) if (path := _resolved(page, link[1]))]
    return [p for p in found if not p.is_relative_to(docs) or p.is_dir() or p.name == "LICENSE"]


def _resolved(origin: Path, target: str) -> Path | None:
    """Return the file or folder that a relative link names; None for an address or what is not there."""
    if "://" in target or target.startswith(("/", "mailto:")):
        return None
    path = Path(posixpath.normpath((origin.parent / target).as_posix()))
    return path if path.exists() and path.is_relative_to(ROOT) else None
