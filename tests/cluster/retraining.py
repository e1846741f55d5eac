"""A model that answers without pause and is retrained on request, for the tests of faults and of upgrades."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

from cluster.reach import Cluster
from cluster.recorded import Ledger

import kascade
from eventing import catalogue as c
from eventing.event import originate
from eventing.store import S3Store
from kascade.demo.digits import FIRST, TARGET, Digits

MODEL = f"busy-{uuid.uuid4().hex[:6]}"
SPEC: dict[str, Any] = {
    "model": MODEL,
    "target": TARGET,
    "task": "classification",
    "train": {
        "metric": "accuracy",
        "candidates": [{"estimator": "decision_tree", "grid": {"max_depth": [8]}}],
    },
    "gate": {"min": 0.1, "margin": 1.0},
    "rollout": {
        "phases": ["canary"],
        "canary_percent": 10,
        "margin": 0.5,
        "min_labels": 30,
        "deadline": "5m",
    },
    "retrain": {
        "on": [],
        "debounce": "1s",
        "cooldown": "0s",
        "cooldown_runs": 0,
        "max_per_day": 100,
        "min_rows": 100,
    },
    "labels": {"window": "6s", "min_rows": 100000},
}


def first_version(cluster: Cluster, digits: Digits) -> None:
    """Drop a model and its data, and have a first version trained that serves."""
    ledger = Ledger(cluster.database)
    store = S3Store.from_env(cluster.store_environment())
    drop_spec(store, seed=0)
    store.put(f"s3://raw/{MODEL}/first.csv", digits.file(range(FIRST)))
    ledger.wait_for("dataset.ingested", about=MODEL)
    Retraining(cluster, ledger).promoted()


def drop_spec(store: S3Store, seed: int) -> None:
    train = {**SPEC["train"], "seed": seed}
    store.put(f"s3://raw/{MODEL}/model.yaml", json.dumps({**SPEC, "train": train}).encode())


class Retraining:
    """One step of a story: a person asks for a training, which leads to a version that is promoted."""

    def __init__(self, cluster: Cluster, ledger: Ledger) -> None:
        self._cluster, self._ledger = cluster, ledger
        self.model = MODEL

    def ask(self) -> None:
        """Ask for a training with another seed: one on exactly the same inputs is refused."""
        drop_spec(S3Store.from_env(self._cluster.store_environment()), seed=int(time.time()))
        self._ledger.wait_for("spec.registered", about=MODEL, timeout_s=900)
        asked = originate(
            c.TrainingRequested.type, "/test", MODEL, c.TrainingRequested(model=MODEL, requested_by="a test")
        )
        kascade.connect(self._cluster.home(self._cluster.work / "home").path).emit(asked)

    def approved(self) -> int:
        """Return the version that is to be trained."""
        approved = self._ledger.wait_for("training.approved", about=MODEL, timeout_s=900)
        return int(approved["data"]["version"])

    def promoted(self) -> int:
        """Ask, and return the version once it has all traffic."""
        self.ask()
        version = self.approved()
        ended = self._ledger.wait_for(
            "rollout.completed",
            about=MODEL,
            timeout_s=600,
            matches=lambda event: event["data"]["version"] == version,
        )
        assert ended["data"]["outcome"] == "promoted", ended
        return version
