"""The stand-alone broker as a process of its own, whole or as a mutant: `python -m faults.process --help`.

A mutant is the broker with one defect, so that a test can show that it would notice that defect.
"""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial
from pathlib import Path

from faults.mutants import MUTANTS
from faults.writes import record_writes

from knative.local.broker import __main__ as broker
from knative.local.broker.engine import BrokerEngine


def clock_of(file: Path) -> float:
    """Return the time, as many seconds ahead as the file says."""
    return time.time() + float(file.read_text() or 0)


def main() -> None:
    """Prepare the process as asked, then be the broker; options that are not known here are the broker's."""
    parser = argparse.ArgumentParser(prog="python -m faults.process", description=__doc__)
    parser.add_argument("--mutant", choices=sorted(MUTANTS), help="the defect that the broker has")
    parser.add_argument("--writes", type=Path, help="where to record what is written to the disk, and when")
    parser.add_argument("--clock", type=Path, help="a file with the seconds that the clock is ahead")
    given, rest = parser.parse_known_args()
    if given.mutant:
        MUTANTS[given.mutant]()
    if given.writes:
        record_writes(given.writes)
    if given.clock:
        broker.BrokerEngine = partial(BrokerEngine, clock=partial(clock_of, given.clock))  # type: ignore[misc]
    sys.argv = [sys.argv[0], *rest]
    broker.main()


if __name__ == "__main__":
    main()
