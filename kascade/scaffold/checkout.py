"""A checkout of the project as a set of files: read, changed in memory, then written all at once."""

from __future__ import annotations

import difflib
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

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
        """Plan a file's text."""
        self.changed[path] = text

    def format(self) -> None:
        """Format what is planned of Python as the project does; without ruff it stays as it is."""
        modules = [path for path in self.changed if path.endswith(".py")]
        with TemporaryDirectory(prefix="kascade-new-") as folder:
            for path in modules:
                _write(Path(folder) / path, self.changed[path])
            command = [sys.executable, "-m", "ruff", "format", "--quiet", "--no-cache"]
            command += ["--config", str(self.root / "pyproject.toml"), folder]
            subprocess.run(command, capture_output=True)
            for path in modules:
                self.changed[path] = (Path(folder) / path).read_text(encoding="utf-8")

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
            _write(self.root / path, text)


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
