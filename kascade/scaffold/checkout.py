"""A checkout of the project as a set of files: read, changed in memory, then written all at once."""

from __future__ import annotations

import difflib
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from kascade.scaffold.errors import ScaffoldError


class Checkout:
    """The files below a root. Changes stay in memory until `write`, so a refusal leaves no half of them."""

    def __init__(self, root: Path) -> None:
        """Take the folder that holds pyproject.toml. Raises: ScaffoldError: it is no checkout of ours."""
        self.root = root.resolve()
        self.changed: dict[str, str] = {}
        try:
            project = tomllib.loads(self.read("pyproject.toml"))["project"]["name"]
        except (OSError, KeyError, tomllib.TOMLDecodeError):
            project = None
        if project != "kascade" or not self.exists("knative/base/kustomization.yaml"):
            raise ScaffoldError(f"{self.root} is no checkout of Kascade; go to one, or name it with --root")

    def exists(self, path: str) -> bool:
        """Say whether a file or a folder is there, written or planned."""
        return path in self.changed or (self.root / path).exists()

    def read(self, path: str) -> str:
        """Return a file's text, with what is planned for it."""
        return self.changed.get(path) or (self.root / path).read_text(encoding="utf-8")

    def put(self, path: str, text: str) -> None:
        """Plan a file's text; Python is formatted as the project's formatter would."""
        self.changed[path] = self._formatted(path, text) if path.endswith(".py") else text

    def differences(self) -> Iterator[str]:
        """Yield what is planned as the lines of a unified diff."""
        for path, text in sorted(self.changed.items()):
            file = self.root / path
            before = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
            old = path if before else "/dev/null"
            yield from difflib.unified_diff(before, text.splitlines(), old, path, lineterm="")

    def write(self) -> None:
        """Write what is planned."""
        for path, text in self.changed.items():
            target = self.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")

    def _formatted(self, path: str, text: str) -> str:
        command = [sys.executable, "-m", "ruff", "format", "--quiet", "--stdin-filename", path, "-"]
        done = subprocess.run(command, cwd=self.root, input=text, capture_output=True, text=True)
        return done.stdout if done.returncode == 0 else text  # without ruff as the template has it
