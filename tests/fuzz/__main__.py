"""`python -m fuzz [target …]`: try inputs that nobody thought of; `--repeat target file` tries one again."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from fuzz import target
from fuzz.budget import Fault, limit_process, try_input
from fuzz.worker import CURRENT, Current, keep

FOUND = Path(".cache/fuzz")
_START_S = 60.0
_STALLED_S = 30.0


@dataclass(frozen=True)
class Ran:
    """What came of a target."""

    name: str
    inputs: int
    faults: list[Path]


def run_target(name: str, seconds: float, seed: int, found: Path = FOUND, engine: str = "worker") -> Ran:
    """Have a process try inputs; begin again with another where one did not survive its input."""
    folder = found / name
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder)
    folder.mkdir()
    current, until = Current(folder / CURRENT), time.monotonic() + seconds
    left = seconds
    while left > 0:
        command = [sys.executable, "-m", f"fuzz.{engine}", name, str(left), str(seed), str(folder)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        stalled, said = _attend(process, current)
        if process.returncode == 0:
            break
        cause = "it stalled" if stalled else f"the process ended with {process.returncode}"
        keep(folder, current.data, Fault(cause, said))
        seed += 1
        left = until - time.monotonic()
    return Ran(name, current.count, sorted(folder.glob("*.txt")))


def _attend(process: subprocess.Popen[str], current: Current) -> tuple[bool, str]:
    before, since, patience = current.count, time.monotonic(), _START_S
    while True:
        try:
            return False, process.communicate(timeout=1)[0][-3000:]
        except subprocess.TimeoutExpired:
            if current.count != before:
                before, since, patience = current.count, time.monotonic(), _STALLED_S
            elif time.monotonic() - since > patience:
                process.kill()
                return True, process.communicate()[0][-3000:]


def repeat(name: str, file: Path) -> None:
    """Try one input in this process, and say what is broken."""
    chosen = target.load(name)
    chosen.run(chosen.seeds[0])
    limit_process()
    fault = try_input(chosen.run, file.read_bytes())
    print(f"{fault.place}\n\n{fault.text}" if fault else "every promise is kept")
    sys.exit(1 if fault else 0)


def main() -> None:
    """Fuzz the targets beside each other; the exit code is 1 where a promise was broken."""
    names = target.target_names()
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", choices=[*names, []], help=", ".join(names))
    parser.add_argument("--seconds", type=float, default=600, help="in all; shared by the targets")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--workers", type=int, default=2, help="targets that run at a time")
    parser.add_argument("--engine", choices=["worker", "guided"], default="worker", help="guided: by atheris")
    parser.add_argument("--repeat", nargs=2, metavar=("TARGET", "FILE"), help="try one input")
    given = parser.parse_args()
    if given.repeat:
        repeat(given.repeat[0], Path(given.repeat[1]))
    chosen = given.targets or names
    os.environ["OMP_NUM_THREADS"] = "1"
    each = given.seconds * given.workers / len(chosen)
    print(f"seed {given.seed}, {each:.0f} s for each of {len(chosen)} targets", flush=True)
    broken = 0
    with ThreadPoolExecutor(given.workers) as pool:
        for ran in pool.map(lambda name: run_target(name, each, given.seed, engine=given.engine), chosen):
            print(f"{ran.name:20} {ran.inputs:8} inputs, {len(ran.faults)} faults", flush=True)
            broken += len(ran.faults)
            for path in ran.faults:
                print(f"\n{path.read_text(encoding='utf-8')}\nseed {given.seed}; try it again with:")
                print(f"  make fuzz ARGS='--repeat {ran.name} {path.with_suffix('')}'\n", flush=True)
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
