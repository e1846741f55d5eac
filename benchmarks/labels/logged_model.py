"""A model with a champion and a log of predictions, and the process of join_feedback that gets labels."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
from sqlalchemy import Engine, func, select

from eventing.catalogue import Claim, InferenceLogged, TrainingCompleted
from eventing.store import S3Store
from functions.inferences.log import table_of, to_parquet
from functions.state import specs, versions
from functions.state.database import make_engine, session_factory, transaction
from functions.state.inferences import InferenceBatch, add_batch
from functions.state.labels import JoinedLabel, WaitingLabel
from functions.state.migrate import upgrade
from kascade.system.home import BUCKETS
from kascade.system.process import HOST, free_port
from kascade.system.stores.embedded import EmbeddedStore
from pipelines.card import Card
from pipelines.prediction_ids import uuid7

MODEL = "churn"
SPEC = f"model: {MODEL}\ntarget: churned\nlabels: {{window: 1d, train: false}}\n"
THREADS = 20
"""As many as its Service says."""
_DIGEST = "0" * 64


class LoggedModel:
    """A champion with its log, in a database and a store of its own."""

    def __init__(self, url: str, store: S3Store) -> None:
        self.engine: Engine = make_engine(url)
        self.sessions = session_factory(self.engine)
        self.store = store
        upgrade(self.engine)
        for bucket in BUCKETS:
            store.ensure_bucket(bucket)
        self._register()

    def _register(self) -> None:
        now = datetime.now(UTC)
        nothing = Claim(uri=f"s3://models/{MODEL}/v1/x", sha256=_DIGEST)
        card = Card.model_validate(
            {
                "model": MODEL,
                "version": 1,
                "run_id": "run-1",
                "task": "classification",
                "target": "churned",
                "classes": ("no", "yes"),
                "features": (("amount", "number"),),
                "data": {"dataset": nothing.model_dump()},
                "spec": {"digest": _DIGEST},
                "code_digest": _DIGEST,
                "evaluation": {"metrics": {}},
                "files": {},
                "seconds": 1.0,
            }
        )
        completed = TrainingCompleted(
            model=MODEL,
            version=1,
            run_id="run-1",
            candidate=nothing,
            card=self.store.put(f"s3://models/{MODEL}/v1/card.json", card.to_json()),
            holdout=nothing,
            reference=nothing,
            metrics={},
            dataset_digest=_DIGEST,
            config_digest=_DIGEST,
            code_digest=_DIGEST,
            train_rows=1,
            seconds=1.0,
        )
        with transaction(self.sessions) as session:
            specs.add_spec(
                session, MODEL, claim=nothing, digest=_DIGEST, text=SPEC, key="model.yaml", etag=None, now=now
            )
            versions.register(session, completed, "completed", now)
            versions.record_fact(session, MODEL, 1, versions.Fact.PROMOTED, "promoted", now)

    def log(self, seed: str, rows: int, batch: int) -> list[str]:
        """Log so many predictions, `batch` a file, a second apart; return their ids."""
        ids: list[str] = []
        start = datetime.now(UTC) - timedelta(seconds=rows / batch + 60)
        for number in range(0, rows, batch):
            at = start + timedelta(seconds=number / batch)
            some = [uuid7(at, f"{seed}/{number + row}") for row in range(batch)]
            logged = InferenceLogged(
                model=MODEL,
                version=1,
                ids=some,
                times_ms=[int(at.timestamp() * 1000)] * batch,
                inputs={"amount": [1.0] * batch},
                labels=["yes"] * batch,
                latencies_ms=[1.0] * batch,
            )
            uri = f"s3://inferences/{MODEL}/{seed}-{number}.parquet"
            claim = self.store.put(uri, to_parquet(table_of(logged)))
            row = InferenceBatch(
                source="/bench",
                event_id=f"{seed}-{number}",
                model=MODEL,
                version=1,
                shadow=False,
                uri=claim.uri,
                sha256=claim.sha256,
                rows=batch,
                failures=0,
                first=at,
                last=at,
                recorded_at=at,
                window=None,
            )
            with transaction(self.sessions) as session:
                add_batch(session, row)
            ids += some
        return ids

    def now(self) -> datetime:
        """Return the time."""
        return datetime.now(UTC)

    def counts(self) -> tuple[int, int]:
        """Return how many labels wait, and how many are joined."""
        with transaction(self.sessions, read_only=True) as session:
            waiting = session.scalar(select(func.count()).select_from(WaitingLabel))
            return waiting or 0, session.scalar(select(func.count()).select_from(JoinedLabel)) or 0


@contextmanager
def started(folder: Path, url: str) -> Iterator[tuple[LoggedModel, int, psutil.Process]]:
    """Run the store and join_feedback; yield the world, the function's port and its process."""
    with EmbeddedStore(folder / "store", 0, "access", "secretsecret") as store:
        env = {**os.environ, **store.env, "DATABASE_URL": url, "HOST": HOST, "PORT": str(free_port())}
        env |= {"KASCADE_LOG_LEVEL": "warning", "KASCADE_THREADS": str(THREADS)}
        world = LoggedModel(url, S3Store.from_env(env))
        command = [sys.executable, "-m", "functions.join_feedback"]
        process = subprocess.Popen(command, env=env)
        try:
            port = int(env["PORT"])
            _wait(port, process)
            yield world, port, psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait()
            world.engine.dispose()


def cpu_s(process: psutil.Process) -> float:
    """Return the CPU seconds of a process and its children."""
    return sum(sum(each.cpu_times()[:2]) for each in (process, *process.children(recursive=True)))


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{port}/readyz", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("join_feedback did not start")
