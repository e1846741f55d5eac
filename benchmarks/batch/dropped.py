"""The file dropped into the bucket of a system of its own, and what its job took."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console

from benchmarks.batch.rows import CLASSES, KEY, TARGET, labelled
from benchmarks.idle.processes import peak_mb, running
from eventing import catalogue as c
from kascade.client import Client, connect
from kascade.stream.ledger import FATAL
from kascade.stream.running import running_system
from kascade.system.home import Home

MODEL = "bench"
PARTS = ("score-batch", "object store")
_ESTIMATORS = {"linear": "logistic_regression", "trees": "hist_gradient_boosting"}
_PATIENCE_S = 3600.0
_EVERY_S = 0.2


def score_dropped(folder: Path, path: Path, estimator: str) -> dict[str, float]:
    """Have a system train a model, drop the file into `batch/`, and wait for its result.

    Returns:
        `seconds`: from the end of the upload until the event is in the ledger; `cpu`: seconds of the job's
        process; `peak`, `store_peak`: most MB that the job and the object store held in memory.
    """
    home = Home(folder / "state")
    home.prepare(fresh=True)
    console = Console(stderr=True)
    with running_system(home, store="embedded", console=console) as system, connect(home.path) as client:
        _train(client, folder, estimator)
        watch = _Watch(system.pid)
        watch.start()
        try:
            client.drop(path, MODEL, bucket="batch")
            began = time.monotonic()
            done = _wait_for(client, c.BatchCompleted.type)
            seconds = time.monotonic() - began
        finally:
            watch.end()
        expected = pq.ParquetFile(path).metadata.num_rows
        assert (done["rows"], done["bad_rows"]) == (expected, 0), done
    job, store = (watch.peaks.get(part, 0.0) for part in PARTS)
    return {"seconds": seconds, "cpu": watch.cpu, "peak": job, "store_peak": store}


def _train(client: Client, folder: Path, estimator: str) -> None:
    table, _, places = labelled()
    training = folder / "training.parquet"
    pq.write_table(table.append_column(TARGET, pa.array(CLASSES).take(pa.array(places))), training)
    candidates = f"[{{estimator: {_ESTIMATORS[estimator]}}}]"
    spec = (
        f"target: {TARGET}\nentity: {KEY}\ntrain: {{candidates: {candidates}}}\nretrain: {{min_rows: 100}}\n"
    )
    client.drop(spec.encode(), MODEL, name="model.yaml")
    client.drop(training, MODEL)
    _wait_for(client, c.RolloutCompleted.type)


def _wait_for(client: Client, type_: str) -> dict[str, Any]:
    """Return the data of the first event of a type."""
    for row in client.ledger(wait_s=5, deadline=time.monotonic() + _PATIENCE_S):
        event = row["event"]
        assert event["type"] not in (*FATAL, c.BatchFailed.type), event
        if event["type"] == type_:
            data: dict[str, Any] = event["data"]
            return data
    raise TimeoutError(f"no {type_} within {_PATIENCE_S:.0f} s")


class _Watch(threading.Thread):
    """Looks at processes of the system again and again: the most memory each held, and the job's CPU time."""

    def __init__(self, top: int) -> None:
        super().__init__(name="watch", daemon=True)
        self._top = top
        self._ended = threading.Event()
        self.peaks: dict[str, float] = {}
        self.cpu = 0.0

    def run(self) -> None:
        while not self._ended.wait(_EVERY_S):
            found = running(self._top)
            for part in PARTS:
                for process in found.get(part, ()):
                    self._look(part, process)

    def end(self) -> None:
        """End looking."""
        self._ended.set()
        self.join()

    def _look(self, part: str, process: psutil.Process) -> None:
        self.peaks[part] = max(peak_mb(process.pid), self.peaks.get(part, 0.0))
        if part != PARTS[0]:
            return
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            self.cpu = max(self.cpu, times.user + times.system)
