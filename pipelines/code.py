"""Which code a model was made by."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import distributions
from pathlib import Path


@cache
def code_digest() -> str:
    """Return the SHA-256 of every Python source of `pipelines`: what decides what a training gives."""
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py"), key=lambda p: p.relative_to(root).as_posix()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def environment() -> str:
    """Return the installed distributions, a sorted `name==version` line each."""
    found = {f"{d.metadata['Name'].lower()}=={d.version}\n" for d in distributions() if d.metadata["Name"]}
    return "".join(sorted(found))
