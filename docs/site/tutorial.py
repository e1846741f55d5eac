"""Follows docs/tutorial.md word by word, in a system of its own: `python -m docs.site.tutorial`.

Each file that the page asks for is saved, each command is typed, and what the reader waits for is waited for.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial.md"
_BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_PATIENCE_S = 1800.0
_FIRST, _CHALLENGER = 1, 2


@dataclass(frozen=True)
class Save:
    """A file that the page asks the reader to save."""

    name: str
    text: str


@dataclass(frozen=True)
class Type:
    """A command that it asks the reader to type."""

    command: str


def steps(page: str) -> Iterator[Save | Type]:
    """Yield what the page asks for, in order. Raises: ValueError: a block without a name to save it under."""
    for block in _BLOCK.finditer(page):
        text = block["text"]
        if block["language"] == "console":
            yield from (Type(line[2:]) for line in text.splitlines() if line.startswith("$ "))
            continue
        named = re.findall(r"Save this as `([\w.]+)`", page[: block.start()].rpartition("\n```")[2])
        if not named:
            raise ValueError(f"the page does not say where to save: {text[:60]!r}")
        yield Save(named[-1], text)


class Stumbled(Exception):
    """What the page says did not work."""


class Reader:
    """Someone who does what the page says, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started = time.monotonic()
        self._running: list[subprocess.Popen[bytes]] = []
        self._version = _FIRST
        paths = os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", "")))
        self._environment = os.environ | {
            "KASCADE_HOME": str(folder / "state"),
            "PYTHONPATH": paths,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }

    def follow(self, page: str) -> None:
        """Do every step. Raises: Stumbled."""
        for step in steps(page):
            match step:
                case Save(name, text):
                    (self._folder / name).write_text(text, encoding="utf-8")
                case Type(command):
                    self._say(f"$ {command}")
                    self._type(command)

    def end(self) -> None:
        """End what is still running, as Ctrl-C would."""
        for each in reversed(self._running):
            each.terminate()
            each.wait(60)

    def gateway(self) -> str:
        """Return where the console answers."""
        return str(json.loads((self._folder / "state" / "endpoints.json").read_text())["gateway"])

    def _type(self, command: str) -> None:
        if command == "make run":
            self._start("kascade up --gateway-port 0 --api-port 0 --store-port 0")
            self._until(lambda: self._run("kascade status --json").returncode == 0, "the system is up")
        elif command == "python ask.py":
            self._start(command)
        elif "--follow" in command:
            self._until(self._promoted, f"v{self._version} is promoted")
            self._version = _CHALLENGER
        elif not command.startswith("source "):
            done = self._run(command)
            self._say(done.stdout.strip())
            if done.returncode != 0:
                raise Stumbled(f"{command}: {done.stdout}{done.stderr}")

    def _promoted(self) -> bool:
        done = self._run("kascade events --type rollout.completed --json")
        told = [json.loads(line)["event"]["data"] for line in done.stdout.splitlines()]
        return any(each["version"] == self._version and each["outcome"] == "promoted" for each in told)

    def _until(self, condition: Any, what: str) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not condition():
            if time.monotonic() > deadline:
                raise Stumbled(f"waited in vain until {what}")
            for number, each in enumerate(self._running):
                if each.poll() is not None:
                    log = (self._folder / f"{number}.log").read_text(encoding="utf-8", errors="replace")
                    raise Stumbled(f"something that should run has ended:\n{log[-4000:]}")
            time.sleep(1)
        self._say(what)

    def _start(self, command: str) -> None:
        log = (self._folder / f"{len(self._running)}.log").open("wb")
        words = command.split()
        with log:
            started = subprocess.Popen(
                words, cwd=self._folder, env=self._environment, stdout=log, stderr=subprocess.STDOUT
            )
        self._running.append(started)

    def _run(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def _say(self, text: str) -> None:
        print(f"{time.monotonic() - self._started:6.1f} s  {text}", flush=True)


def main() -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m docs.site.tutorial", description=__doc__)
    parser.add_argument(
        "--screenshots", action="store_true", help="make the pictures of the pages at its end"
    )
    wanted = parser.parse_args().screenshots
    with tempfile.TemporaryDirectory(prefix="kascade-tutorial-") as folder:
        reader = Reader(Path(folder))
        try:
            reader.follow(PAGE.read_text(encoding="utf-8"))
            if wanted:
                from docs.site.screenshots import take

                take(reader.gateway())
        finally:
            reader.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
