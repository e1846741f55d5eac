"""What is measured of processes."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from benchmarks.idle.processes import peak_mb

MEASURE = "import benchmarks.idle.processes as it; print(it.peak_mb())"


def test_a_process_does_not_count_the_memory_of_the_one_that_started_it() -> None:
    held = np.ones(300 << 17)
    child = subprocess.run([sys.executable, "-c", MEASURE], check=True, capture_output=True, text=True)

    assert peak_mb() > held.nbytes / 2**20
    assert 10 < float(child.stdout) < 150


def test_a_process_that_has_ended_holds_nothing() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()

    assert peak_mb(ended.pid) == 0.0
