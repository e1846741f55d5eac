"""The story about features: two models share a view, and one dropped file changes what both answer."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from eventing import catalogue as c
from eventing.store import S3Store
from kascade.client import connect
from kascade.demo.purchases import Purchases
from kascade.reach.port import CallError
from kascade.stream.ledger import LedgerFollower, Recorded
from kascade.system.home import Home, HomeError

PURCHASES, OFFERS = "purchases", "offers"
CUSTOMER = 7
SAMPLE = 10_000
FEAST_TIMEOUT_S = 600
_TRAIN = """\
train: {candidates: [{estimator: random_forest, grid: {n_estimators: [60], max_depth: [8]}}]}
gate: {min: 0.5}
rollout: {phases: []}
retrain: {on: [dataset], debounce: 1s, cooldown: 0s, cooldown_runs: 0, min_rows: 100}
"""
SPECS = {
    PURCHASES: f"""\
model: {PURCHASES}
target: returned
entity: customer
timestamp: at
features:
  missing: default
  defaults: {{spent: 0, bought: 0}}
  deadline: 500ms
  views:
    - name: activity
      aggregations:
        - {{of: amount, function: sum, window: 7d, as: spent}}
        - {{function: count, window: 7d, as: bought}}
  expressions: {{share: "amount / max(spent, 1)"}}
{_TRAIN}""",
    OFFERS: f"""\
model: {OFFERS}
target: taken
entity: customer
timestamp: at
features:
  missing: default
  defaults: {{spent: 0, bought: 0}}
  deadline: 500ms
  use: [{PURCHASES}/activity]
{_TRAIN}""",
}
ROWS = {
    PURCHASES: {"customer": CUSTOMER, "amount": 60.0},
    OFFERS: {"customer": CUSTOMER, "discount": 20.0},
}
"""What each model is asked: an entity, and what only the request knows."""


class FeaturesStory:
    """Plays the scenes in order; `facts` gathers what they showed."""

    def __init__(self, home: Home, console: Console, started: float) -> None:
        self._console, self._started = console, started
        self._store = S3Store.from_env({**os.environ, **home.store_environment()})
        self._client = connect(home.path)
        self._ledgers = {model: LedgerFollower(self._client, console, model) for model in SPECS}
        self._data = Purchases(datetime.now(UTC))
        self.facts: dict[str, Any] = {}

    @property
    def events(self) -> int:
        """How many events there were about both models."""
        return sum(len(ledger.events) for ledger in self._ledgers.values())

    def play(self) -> None:
        """Play it. Raises: HomeError, CallError: something did not happen."""
        for ledger in self._ledgers.values():
            ledger.start()
        try:
            self._two_models()
            before = self._ask("asked by entity")
            self._one_file(before)
            self._check()
        finally:
            for ledger in self._ledgers.values():
                ledger.stop()

    def _two_models(self) -> None:
        self._say(
            f"dropping model.yaml and purchases into s3://raw/{PURCHASES}/: it defines the view `activity`"
        )
        self._drop(PURCHASES, "model.yaml", SPECS[PURCHASES].encode())
        self._drop(PURCHASES, "purchases.csv", self._data.file())
        self._materialised(after=0)
        self._say(f"dropping model.yaml and offers into s3://raw/{OFFERS}/: it uses {PURCHASES}/activity")
        self._drop(OFFERS, "model.yaml", SPECS[OFFERS].encode())
        self._drop(OFFERS, "offers.csv", self._data.offers())
        for model in SPECS:
            done = self._ledgers[model].wait(c.RolloutCompleted.type, timeout_s=300)
            self.facts[f"{model}_version"] = done["data"]["version"]

    def _one_file(self, before: Mapping[str, float]) -> None:
        begun = len(self._ledgers[PURCHASES].events)
        amounts = (400.0, 250.0, 150.0)
        self._say(
            f"customer {CUSTOMER} buys for {sum(amounts):.0f}: one file is dropped, no model is trained"
        )
        self._drop(PURCHASES, "today.csv", self._data.more(CUSTOMER, amounts, datetime.now(UTC)))
        self._materialised(after=begun)
        after = self._ask("asked again")
        expected = round(self._data.known(CUSTOMER), 2)
        for model in SPECS:
            if after[model] == before[model] or round(after[model], 2) != expected:
                raise HomeError(f"{model} was answered with spent = {after[model]}, expected {expected}")
        self.facts["both_updated"] = True

    def _check(self) -> None:
        asked = {"model": PURCHASES, "action": "check", "sample": SAMPLE, "requested_by": "demo"}
        begun = len(self._ledgers[PURCHASES].events)
        self._client.send(c.FeaturesRequested.type, asked, source="/demo")
        found = self._ledgers[PURCHASES].wait(c.FeaturesChecked.type, after=begun)["data"]
        self.facts["consistent"] = found["consistent"]
        self.facts["entities_checked"] = sum(view["entities"] for view in found["views"])
        self._say(
            f"{self.facts['entities_checked']} entities compared: "
            f"{'online equals offline' if found['consistent'] else f'they differ: {found}'}"
        )

    def _materialised(self, *, after: int) -> Recorded:
        """Wait until the online store has the view."""
        return self._ledgers[PURCHASES].wait(
            c.FeaturesMaterialized.type,
            after=after,
            matches=lambda event: bool(event["data"]["online"]),
            timeout_s=FEAST_TIMEOUT_S,
        )

    def _ask(self, what: str) -> dict[str, float]:
        """Ask both models about the customer; return what each of them used as `spent`."""
        used = {}
        for model, row in ROWS.items():
            answer = self._answer(model, row)
            inputs = self._logged(answer["prediction_id"])
            used[model] = float(inputs["spent"])
            chance = answer["probabilities"][-1]
            self._say(
                f"{what}: {model} {row} -> {answer['prediction']} ({chance:.0%} yes), spent {used[model]:.2f}"
            )
            self.facts["prediction_id"] = answer["prediction_id"]
        return used

    def _answer(self, model: str, row: dict[str, Any]) -> Mapping[str, Any]:
        """Ask until Feast answers in time: its first answer takes longer than the deadline in model.yaml."""
        deadline = time.monotonic() + 30
        while True:
            (answer,) = self._client.predict_rows(model, [row])
            missing = ", ".join(answer.get("missing_features") or ())
            if not missing:
                return answer
            if time.monotonic() > deadline:
                raise HomeError(f"{model} found no {missing} of {row}")
            self._say(f"{model} answered with the default of {missing}: Feast was not in time; asking again")
            time.sleep(1)

    def _logged(self, prediction_id: str) -> Mapping[str, Any]:
        """Return the inputs of a prediction as they were used, once the log has it."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(CallError):  # nobody knows the id before it is logged
                found = self._client.explanation(prediction_id).get("prediction")
                if found:
                    inputs: Mapping[str, Any] = found["rows"][0]["inputs"]
                    return inputs
            time.sleep(0.5)
        raise HomeError(f"the log of predictions does not have {prediction_id}")

    def _drop(self, model: str, name: str, content: bytes) -> None:
        self._store.put(f"s3://raw/{model}/{name}", content)

    def _say(self, text: str) -> None:
        self._console.print(f"[bold]{time.monotonic() - self._started:5.1f} s[/]  {text}")
