"""From a dropped file to a model that answers: when the ledger had the event of each step."""

from __future__ import annotations

import os
import threading
import time
from datetime import datetime
from typing import Any

from eventing import catalogue as c
from eventing.store import S3Store
from kascade.client import Client, connect
from kascade.demo.digits import FIRST, Digits
from kascade.demo.story import MODEL, spec_of
from kascade.stream.ledger import FATAL
from kascade.stream.predicting import NoPrediction, PredictionClient
from kascade.system.home import Home

FILE = "first.csv"
OBJECT = "object event"
FIRST_ANSWER = "first answer"
STEPS = {
    c.SpecRegistered.type: "model.yaml registered",
    c.DatasetIngested.type: "ingested",
    c.TrainingApproved.type: "approved",
    c.TrainingStarted.type: "training started",
    c.TrainingCompleted.type: "training completed",
    c.ModelApproved.type: "gate passed",
    c.RolloutStarted.type: "rollout started",
    c.RolloutCompleted.type: "rollout completed",
}
_TIMEOUT_S = 180.0
_ASK_EVERY_S = 0.05


def drop_to_serving(home: Home) -> dict[str, float]:
    """Drop the demonstration's first file; return the seconds from then until each step, as they came."""
    store = S3Store.from_env({**os.environ, **home.store_environment()})
    assert not list(store.list(f"s3://raw/{MODEL}/"))  # and its connection is open
    digits = Digits()
    first = _FirstAnswer(home, digits)
    first.start()
    began = time.time()
    store.put(f"s3://raw/{MODEL}/model.yaml", spec_of())
    store.put(f"s3://raw/{MODEL}/{FILE}", digits.file(range(FIRST)))
    done = _steps(connect(home.path))
    first.join(_TIMEOUT_S)
    done[FIRST_ANSWER] = first.at
    assert all(done.values()), f"a step is missing: {done}"
    return {name: at - began for name, at in sorted(done.items(), key=lambda item: item[1])}


def _steps(client: Client) -> dict[str, float]:
    """Follow the ledger until the rollout is over."""
    done = dict.fromkeys([OBJECT, *STEPS.values()], 0.0)
    for row in client.ledger(wait_s=5, deadline=time.monotonic() + _TIMEOUT_S):
        event: dict[str, Any] = row["event"]
        assert event["type"] not in FATAL, event
        dropped = event["type"].startswith(c.S3_PREFIX) and str(event.get("subject")).endswith(FILE)
        name = OBJECT if dropped else STEPS.get(event["type"])
        if name and not done[name]:
            # An event's own time is when its handling began; for an object's it is in whole seconds.
            done[name] = datetime.fromisoformat(row["recorded_at"]).timestamp()
        if event["type"] == c.RolloutCompleted.type:
            break
    return done


class _FirstAnswer(threading.Thread):
    """Asks the model again and again until it answers; `at` is when it did, 0.0 before."""

    def __init__(self, home: Home, digits: Digits) -> None:
        super().__init__(name="first answer", daemon=True)
        self._predictions = PredictionClient(home.endpoints().gateway, MODEL)
        self._question = digits.question(digits.asked[0], negative=False)
        self.at = 0.0

    def run(self) -> None:
        deadline = time.monotonic() + _TIMEOUT_S
        while time.monotonic() < deadline:
            try:
                self._predictions.predict(self._question)
            except NoPrediction:
                time.sleep(_ASK_EVERY_S)
                continue
            self.at = time.time()
            break
        self._predictions.close()
