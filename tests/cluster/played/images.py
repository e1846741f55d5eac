"""What an image's entry point is on this machine."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path


class UnknownImage(Exception):
    """No program of this machine stands for an image."""


@dataclass(frozen=True)
class Images:
    """`programs` holds what was compiled; the functions of `project` run in its environment."""

    programs: Path
    project: Path

    def entry_point(self, image: str) -> tuple[list[str], dict[str, str]]:
        """Return an image's command and variables. Raises: UnknownImage."""
        name = image.partition("@")[0].rpartition("/")[2].partition(":")[0]
        function = name.replace("-", "_")
        if "kascade/" in image and (self.project / "functions" / function / "__main__.py").exists():
            return [sys.executable, "-m", f"functions.{function}"], {"PORT": "8080"}
        for folder in (self.programs, Path(sys.executable).parent):
            if (folder / name).is_file():
                return [str(folder / name)], {}
        raise UnknownImage(f"no program here stands for {image}")
