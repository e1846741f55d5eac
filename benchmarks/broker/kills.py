"""Events lost when the broker is killed under load, over and over."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

from benchmarks.broker.bench import Bench, report_of


def measure_kills(folder: Path, kills: int) -> None:
    """Kill the broker `kills` times under load; print how many accepted events never arrived."""
    chance = random.Random(1)
    accepted = 0
    with Bench(folder, 1) as bench:
        for round_ in range(kills):
            bench.start()
            producer = bench.produce("until-gone", run=f"k{round_}", senders=32)
            time.sleep(0.5 + chance.random())
            bench.end(signal.SIGKILL)
            accepted += len(report_of(producer)["accepted"])
        bench.start()
        # Events whose 202 was on its way when the broker died arrive too: the sink may have more.
        report = bench.arrived(accepted, deadline_s=120)
        print(f"{kills} kills: {accepted} accepted, {report['distinct']} different ones arrived,", end=" ")
        print(f"{report['count'] - report['distinct']} twice")
