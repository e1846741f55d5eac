"""Memory and file with many undelivered events, and that all of them are delivered in the end."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path

from benchmarks.broker.bench import Bench, report_of


def measure_backlog(folder: Path, events: int) -> None:
    """Fill a backlog towards a subscriber that never answers, let a good one take over; print figures."""
    with Bench(folder, 1) as bench, socket.create_server(("127.0.0.1", 0), backlog=128) as silent:
        bench.point_at(silent.getsockname()[1], 1)
        bench.start()
        for part in range(10):
            report_of(bench.produce("flood", run=f"b{part}", senders=32, events=events // 10))
            size = (folder / "broker.db").stat().st_size / 1e6
            waiting, memory = (part + 1) * events // 10, bench.memory_mb()
            print(f"{waiting:>9} waiting: {memory:6.1f} MB memory, {size:8.1f} MB log", flush=True)
        bench.end(signal.SIGKILL)
        bench.point_at(bench.sink_port, 1)
        start = time.monotonic()
        bench.start()
        print(f"started after {time.monotonic() - start:.1f} s", end="; ", flush=True)
        bench.arrived(events // 10 * 10, deadline_s=3600)
        seconds = time.monotonic() - start
        print(f"all delivered in {seconds:.0f} s; highest memory {bench.memory_mb('VmHWM'):.1f} MB", end="; ")
        bench.end()
        print(f"the log is {(folder / 'broker.db').stat().st_size / 1e6:.1f} MB again")
