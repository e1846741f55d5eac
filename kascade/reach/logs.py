"""What the parts of a system have logged: files of its state folder, or by way of kubectl on a cluster."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

from kascade.reach.port import CallError
from kascade.reach.systems import cluster_of, home_of, url_of
from kascade.system.home import NAMESPACE, Home, HomeError

_POLL_S = 0.2
_OWN = ("runtime", "store")
"""Logs of the system itself, beside those of what it runs."""
_SELECTORS = ("serving.knative.dev/service={}", "sinks.knative.dev/job-sink={}")


def logs_of(system: str | Path | None, name: str, *, lines: int, follow: bool) -> Iterator[str]:
    """Yield the last lines of a function or a model, and those that come later if they are followed.

    Raises:
        HomeError: there is no such log; the message names those that are there.
        CallError: kubectl is missing, or the cluster refuses.
    """
    url = url_of(system)
    if url is None:
        yield from _of_files(_files(home_of(system), name), lines, follow)
    elif url.startswith("k8s:"):
        yield from _of_pods(*cluster_of(url), name, lines, follow)
    else:
        raise HomeError(f"logs are not to be had from {url}: name the system's state folder, or k8s://")


def _files(home: Home, name: str) -> list[Path]:
    """Return the log files of a part: one for each revision, version or Job of it, the oldest first."""
    if name in _OWN and (own := home.path / f"{name}.log").exists():
        return [own]
    known = sorted((home.path / "logs").glob("*.log"), key=lambda path: path.stat().st_mtime)
    part = re.compile(rf"{NAMESPACE}\.(.+?)(-[0-9]{{5}}|-v[0-9]+|-[0-9a-f]{{20}})?\.log")
    names = {path: found[1] for path in known if (found := part.fullmatch(path.name))}
    found_files = [path for path, each in names.items() if each == name]
    if not found_files:
        there = ", ".join(sorted({*names.values(), *_OWN}))
        raise HomeError(f"nothing in {home.path} has logged as {name}; there are {there}")
    return found_files


def _of_files(files: Sequence[Path], lines: int, follow: bool) -> Iterator[str]:
    with ExitStack() as stack:
        streams = [stack.enter_context(path.open(errors="replace")) for path in files]
        last: deque[str] = deque(maxlen=lines)
        for stream in streams:
            last.extend(line.rstrip("\n") for line in stream)
        yield from last
        while follow:
            time.sleep(_POLL_S)
            for stream in streams:
                yield from _new(stream)


def _new(stream: TextIO) -> Iterator[str]:
    """Yield what has come since; a log that was moved aside begins anew."""
    if stream.seek(0, 1) > Path(stream.name).stat().st_size:
        stream.seek(0)
    for line in stream:
        yield line.rstrip("\n")


def _of_pods(context: str | None, namespace: str, name: str, lines: int, follow: bool) -> Iterator[str]:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        raise CallError("there is no kubectl on the PATH; the logs of a cluster are read through it")
    base = [kubectl, *([f"--context={context}"] if context else []), f"--namespace={namespace}"]
    for selector in _SELECTORS:
        chosen = selector.format(name)
        pods = _run([*base, "get", "pods", f"--selector={chosen}", "--output=name"])
        if pods.strip():
            break
    else:
        raise HomeError(f"no pod of {name} is there now; one that rests has none: ask it something first")
    command = [*base, "logs", f"--selector={chosen}", f"--tail={lines}", "--ignore-errors"]
    command += ["--all-containers", "--prefix", *(["--follow"] if follow else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace") as process:
        try:
            for line in process.stdout or ():
                yield line.rstrip("\n")
        finally:
            process.terminate()


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise CallError(f"kubectl: {done.stderr.strip().removeprefix('error: ')[-500:]}")
    return done.stdout
