"""The process in which atheris runs one target, guided by the lines of code that an input reaches.

Atheris is not among the dependencies: `uv pip install --target <folder> atheris`, and PYTHONPATH=<folder>.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris
from fuzz import target
from fuzz.budget import try_input
from fuzz.worker import CURRENT, Current, keep, warm


def fuzz(name: str, seconds: float, seed: int, folder: Path) -> None:
    """Try inputs until the first fault, or until the time is over."""
    with atheris.instrument_imports(include=["eventing", "functions", "kascade", "knative", "pipelines"]):
        chosen = target.load(name)
    current = Current(folder / CURRENT)
    warm(chosen, current)
    seeds = folder / "seeds"
    seeds.mkdir(exist_ok=True)
    for number, data in enumerate(chosen.seeds):
        (seeds / str(number)).write_bytes(data)

    def try_one(data: bytes) -> None:
        current.note(data)
        if fault := try_input(chosen.run, data):
            keep(folder, data, fault)

    limits = ["-rss_limit_mb=0", "-timeout=60", "-max_len=65536", "-handle_segv=0", "-handle_xcpu=0"]
    atheris.Setup(
        [name, f"-max_total_time={int(seconds) + 1}", f"-seed={seed}", *limits, str(seeds)], try_one
    )
    atheris.Fuzz()


if __name__ == "__main__":
    fuzz(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
