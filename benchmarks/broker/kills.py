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
    accepted: set[str] = set()
    with Bench(folder, 1) as bench:
        for round_ in range(kills):
            bench.start()
            producer = bench.produce("until-gone", run=f"k{round_}", senders=32)
            time.sleep(0.5 + chance.random())
            bench.end(signal.SIGKILL)
            accepted |= {f"k{round_}-{number}" for number in report_of(producer)["accepted"]}
        bench.start()
        deadline = time.monotonic() + 60
        while (report := bench.ask_sink("/ids")) and time.monotonic() < deadline:
            lost = accepted - set(report["ids"])
            if not lost:
                break
            time.sleep(1)
        again = report["count"] - report["distinct"]
        print(f"{kills} kills: {len(accepted)} accepted, {len(lost)} of them lost, {again} delivered twice")
