"""The process in which one target runs: `python -m fuzz.worker <target> <seconds> <seed> <folder>`.

It leaves the input that is tried in a file, for the case that it does not survive, and each fault in another.
"""

from __future__ import annotations

import hashlib
import mmap
import random
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

from fuzz import target
from fuzz.budget import Fault, Harness, limit_process, try_input
from fuzz.mutate import MAX_BYTES, mutate

CURRENT = "current"
_HEAD = 16
_SHRINK_S = 3.0


class Current:
    """The number of inputs tried, and the one that is tried now, in a file that outlives the process."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(_HEAD + MAX_BYTES))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)

    def note(self, data: bytes) -> None:
        """Note an input before it is tried."""
        self._map[_HEAD : _HEAD + len(data)] = data
        self._map[:_HEAD] = (self.count + 1).to_bytes(8, "big") + len(data).to_bytes(8, "big")

    @property
    def count(self) -> int:
        """How many inputs were tried."""
        return int.from_bytes(self._map[:8], "big")

    @property
    def data(self) -> bytes:
        """The last input."""
        return self._map[_HEAD : _HEAD + int.from_bytes(self._map[8:_HEAD], "big")]


def keep(folder: Path, data: bytes, fault: Fault) -> None:
    """Write a fault and its input, the first of its kind."""
    told = [path.read_text(errors="replace") for path in folder.glob("*.txt")]
    if any(each.startswith(f"{fault.place}\n") for each in told):
        return
    path = folder / hashlib.sha256(data).hexdigest()[:12]
    path.write_bytes(data)
    said = f"{fault.place}\n\n{fault.text}"
    path.with_suffix(".txt").write_text(said, encoding="utf-8", errors="replace")


def smallest(harness: Harness, data: bytes, fault: Fault) -> bytes:
    """Leave out what is not needed for the same fault."""
    until, size = time.monotonic() + _SHRINK_S, len(data) // 2
    while size and time.monotonic() < until:
        at = 0
        while at < len(data) and time.monotonic() < until:
            shorter = data[:at] + data[at + size :]
            found = try_input(harness, shorter)
            if found and found.place == fault.place:
                data = shorter
            else:
                at += size
        size //= 2
    return data


def warm(chosen: target.Target, current: Current) -> None:
    """Run the seeds unmeasured: what is loaded at the first use belongs to no input. Then set limits."""
    for data in chosen.seeds:
        current.note(data)
        with suppress(Exception):  # it is tried, and told of, below
            chosen.run(data)
    limit_process()


def fuzz(name: str, seconds: float, seed: int, folder: Path) -> None:
    """Try the seeds, and then what is made from them, until the time is over."""
    chosen, current = target.load(name), Current(folder / CURRENT)
    warm(chosen, current)
    known = set[str]()
    for data in chain(chosen.seeds, _made(chosen, random.Random(seed), seconds)):
        current.note(data)
        fault = try_input(chosen.run, data)
        if fault and fault.place not in known:
            known.add(fault.place)
            keep(folder, smallest(chosen.run, data, fault), fault)


def _made(chosen: target.Target, chance: random.Random, seconds: float) -> Iterator[bytes]:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        yield mutate(chance.choice(chosen.seeds), chosen.seeds, chosen.tokens, chance)


if __name__ == "__main__":
    fuzz(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
