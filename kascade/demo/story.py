"""The parts of the demonstration, each a few lines that say what happens and wait until it did."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from rich.console import Console

from eventing import catalogue as c
from eventing.event import originate
from eventing.store import S3Store
from kascade.client import connect
from kascade.demo.digits import FIRST, SECOND, TARGET, Digits
from kascade.demo.traffic import Traffic
from kascade.stream.labelling import Labeller
from kascade.stream.ledger import LedgerFollower
from kascade.system.home import Home

MODEL = "digits"
LABEL_DELAY_S = 1.0
REQUESTS_PER_S = 100.0
ROLLOUT_S = 300.0
GOOD = "[{estimator: random_forest, grid: {n_estimators: [60], max_depth: [12]}}]"
POOR = "[{estimator: decision_tree, grid: {max_depth: [4]}}]"
SPEC = """\
model: {model}
target: {target}
task: classification
train: {{metric: accuracy, candidates: {candidates}}}
gate: {gate}
rollout:
  {{phases: [shadow, canary], canary_percent: 10, margin: 0.02, alpha: 0.05, min_labels: 60, deadline: 5m}}
drift: {{window: 500, alpha: 0.05, min_effect: 0.1}}
retrain:
  {{on: [dataset, drift, performance], debounce: 1s, cooldown: 0s, cooldown_runs: 0, harm_cooldown: 0s,
   max_per_day: 20, min_rows: {min_rows}, harm_min_rows: 250}}
labels: {{window: 6s, min_rows: 100000}}
"""


def spec_of(*, candidates: str = GOOD, gate: str = "{min: 0.5}", min_rows: int = 100) -> bytes:
    """Return the model.yaml: days are seconds here, the rest is as it would be."""
    return SPEC.format(
        model=MODEL, target=TARGET, candidates=candidates, gate=gate, min_rows=min_rows
    ).encode()


class Story:
    """Plays the parts in order; `facts` gathers what they showed.

    Args:
        rollout_s: how long a training and the rollout after it may take.
    """

    def __init__(self, home: Home, console: Console, started: float, *, rollout_s: float = ROLLOUT_S) -> None:
        endpoints = home.endpoints()
        self._console, self._started, self._rollout_s = console, started, rollout_s
        self._store = S3Store.from_env({**os.environ, **home.store_environment()})
        self._client = connect(home.path)
        self.ledger = LedgerFollower(self._client, console, MODEL)
        self.digits = Digits()
        self._labeller = Labeller(self._store, MODEL, delay_s=LABEL_DELAY_S)
        self.traffic = Traffic(endpoints.gateway, MODEL, self.digits, self._labeller, per_s=REQUESTS_PER_S)
        self.facts: dict[str, Any] = {}

    def play(self, parts: int) -> None:
        """Play the first parts. Raises: HomeError, CallError: something did not happen."""
        self.ledger.start()
        try:
            for part in PARTS[:parts]:
                part(self)
            time.sleep(1)
        finally:
            self.traffic.stop()
            self._labeller.stop()
            self.ledger.stop()

    def first_version(self) -> None:
        """Drop the first file and its model.yaml; the first version serves all requests at once."""
        self.train_first()
        self.traffic.start()
        self._labeller.start()
        self._print(
            f"{REQUESTS_PER_S:.0f} requests a second from now on; labels follow {LABEL_DELAY_S:.0f} s later"
        )

    def train_first(self) -> None:
        """Drop the first file and its model.yaml, and wait until the model answers."""
        self._print(f"dropping model.yaml and {FIRST} digits into s3://raw/{MODEL}/")
        self._drop("model.yaml", spec_of())
        self._drop("first.csv", self.digits.file(range(FIRST)))
        self._wait_for_rollout("promoted", after=0)

    def drop_second(self) -> None:
        """Drop more data, of which a better version is made."""
        self._drop("second.csv", self.digits.file(range(FIRST, FIRST + SECOND)))

    def better_challenger(self) -> None:
        """Drop more data: a better version goes through shadow and canary, and is promoted."""
        self._print(f"{SECOND} more digits are dropped: a challenger is trained, shadowed, and given 10 %")
        begun = len(self.ledger.events)
        self.drop_second()
        self._wait_for_rollout("promoted", after=begun)
        self.facts["promoted"] = True

    def shift(self) -> None:
        """Let the world change: harm is proven, and what is trained on the rows since serves at once."""
        self._drop("model.yaml", spec_of(min_rows=100_000))
        self._print(f"the scanner now delivers negatives; before that {self._accuracy()}")
        begun = len(self.ledger.events)
        self.traffic.negative = True
        self.traffic.forget_accuracy()
        self.ledger.wait(c.DriftDetected.type, after=begun)
        self.facts["drift_detected"] = True
        self.ledger.wait(c.PerformanceDegraded.type, after=begun)
        proven = time.monotonic()
        self._print(f"drift and harm are found; the champion is at {self._accuracy()}")
        approved = self.ledger.wait(
            c.TrainingApproved.type,
            after=begun,
            matches=lambda event: event["data"]["reason"] == "performance",
        )
        self.traffic.rows = self.digits.asked_later
        version = approved["data"]["version"]
        self.ledger.wait(
            c.RolloutStarted.type,
            after=begun,
            matches=lambda event: (
                event["data"]["phase"] == c.RolloutPhase.PROBATION and event["data"]["version"] >= version
            ),
            timeout_s=self._rollout_s,
        )
        self.facts["harm_ended_s"] = round(time.monotonic() - proven, 1)
        self.traffic.forget_accuracy()
        time.sleep(2)
        self._print(f"retrained on what was labelled since; it serves at once: {self._accuracy()}")
        self._wait_for_rollout("promoted", after=begun, least_version=version)
        self.facts["retrained"] = True
        self._print("the champion before answered copies, and was not found to be better")

    def worse_challenger(self) -> None:
        """Let a person force a bad model past the gate: the judge takes it back."""
        self._print("somebody opens the gate and asks for a much smaller model")
        begun = len(self.ledger.events)
        self._drop("model.yaml", spec_of(candidates=POOR, gate="{margin: 1.0}", min_rows=100_000))
        self.ledger.wait(c.SpecRegistered.type, after=begun)
        request = c.TrainingRequested(model=MODEL, requested_by="demo", comment="smaller is cheaper")
        self._client.emit(originate(c.TrainingRequested.type, "/demo", MODEL, request))
        # A training that an alarm asked for may come first, and its version may be promoted.
        self._wait_for_rollout("rolled_back", after=begun)
        self.facts["rolled_back"] = True

    def _wait_for_rollout(self, outcome: str, *, after: int, least_version: int = 1) -> None:
        """Wait until a rollout ends so."""
        completed = self.ledger.wait(
            c.RolloutCompleted.type,
            after=after,
            matches=lambda event: (
                event["data"]["outcome"] == outcome and event["data"]["version"] >= least_version
            ),
            timeout_s=self._rollout_s,
        )
        if outcome == "promoted":
            self.facts["version"] = completed["data"]["version"]

    def _drop(self, name: str, content: bytes) -> None:
        self._store.put(f"s3://raw/{MODEL}/{name}", content)

    def _accuracy(self) -> str:
        accuracy = self.traffic.tally.accuracy
        return "nothing has been asked" if accuracy is None else f"{accuracy:.0%} of the answers are right"

    def _print(self, text: str) -> None:
        self._console.print(f"[bold]{time.monotonic() - self._started:5.1f} s[/]  {text}")


PARTS: tuple[Callable[[Story], None], ...] = (
    Story.first_version,
    Story.better_challenger,
    Story.shift,
    Story.worse_challenger,
)
