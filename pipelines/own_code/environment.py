"""The Python environment that `train.requirements` names: made once for each content of the file."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from pipelines.errors import StepError, TransientError

FOLDER = "CODE_ENVIRONMENTS"
"""The variable that names the folder of environments; by default it is in the user's cache."""

_OURS = b"pandas>=2\npyarrow>=15\n"
"""What the rows are handed over by; the file may say more exactly which."""

_TIMEOUT_S = 1800
_OFFLINE = (
    "dns error",
    "error sending request",
    "Failed to fetch",
    "Connection refused",
    "network was disabled",
    "Network connectivity is disabled",
    "operation timed out",
    "Network is unreachable",
    "client error (Connect)",
)
_NOT_UVS = ("AWS_", "K_", "MC_")


def python_for(requirements: bytes, name: str) -> str:
    """Return the Python of the environment, which is made when it is missing.

    Args:
        requirements: a requirements file of pip's form.
        name: of the file, for messages.

    Raises:
        StepError: the requirements cannot be installed, or uv is missing here.
        TransientError: the package index does not answer.
    """
    identity = b"\0".join([requirements, _OURS, sys.version.encode(), sys.executable.encode()])
    home = Path(os.environ.get(FOLDER) or _cache() / "kascade" / "environments")
    folder = home / hashlib.sha256(identity).hexdigest()[:32]
    python = folder / "bin" / "python"
    home.mkdir(parents=True, exist_ok=True)
    with (home / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several experiments ask for it at once
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            print(f"making the environment of {name} in {folder}", flush=True)
            try:
                _make(folder, requirements, name)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            (folder / "complete").touch()
    return str(python)


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _make(folder: Path, requirements: bytes, name: str) -> None:
    _uv(["venv", "--quiet", "--python", sys.executable, str(folder)], name)
    files = {folder / Path(name).name: requirements, folder / "kascade.txt": _OURS}
    for file, content in files.items():
        file.write_bytes(content)
    given = [part for file in files for part in ("-r", str(file))]
    _uv(["pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *given], name)


def _uv(arguments: list[str], name: str) -> None:
    try:
        done = subprocess.run(
            [*_command(), *arguments],
            env=_environment(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise TransientError(f"the packages of {name} were not installed within {_TIMEOUT_S} s") from error
    if done.returncode == 0:
        return
    output = "\n".join(done.stdout.strip().splitlines()[-12:])
    if any(sign in done.stdout for sign in _OFFLINE):
        raise TransientError(f"{name}: the package index does not answer: {output}")
    raise StepError(
        f"{name}: its packages cannot be installed: {output}", f"correct {name} and drop it again"
    )


def _command() -> list[str]:
    if find_spec("uv") is not None:
        return [sys.executable, "-m", "uv"]
    found = shutil.which("uv")
    if found is None:
        raise StepError(
            "train.requirements needs uv, which is not installed where models are trained",
            "install it there: pip install 'kascade[code]'; or leave train.requirements out",
        )
    return [found]


def _environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return our variables without keys: what installs a package may run code of it."""
    return {name: value for name, value in env.items() if not name.startswith(_NOT_UVS)}
