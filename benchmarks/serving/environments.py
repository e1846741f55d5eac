"""The peers' own environments: made once from a hashed lock, kept by its digest under `.cache/`."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache"


class CannotMake(Exception):
    """A peer's environment cannot be made; `command` is what to run with a network."""

    def __init__(self, command: list[str], said: str) -> None:
        super().__init__(said)
        self.command = " ".join(command)


def python_of(peer: str) -> str:
    """Return the interpreter of a peer's environment, making it if need be. Raises: CannotMake."""
    lock = HERE / "peers" / f"{peer}.txt"
    digest = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = CACHE / f"peer-{peer}-{digest}"
    python = str(folder / "bin" / "python")
    if (folder / "made").exists():
        return python
    CACHE.mkdir(exist_ok=True)
    uv = str(Path(sys.executable).with_name("uv"))
    print(f"making the environment of {peer} (some 400 MB, once)", flush=True)
    install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--require-hashes", "--python", python]
    for command in (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
        [*install, "-r", str(lock)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotMake(command, done.stderr[-500:])
    (folder / "made").touch()
    return python
