"""Plays a table: the first part is training data, each row after it a prediction whose label follows."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from eventing import catalogue as c
from eventing.event import originate
from eventing.store import S3Store
from kascade.client import Client, connect
from kascade.rendering.terminal import escape
from kascade.stream.labelling import Labeller
from kascade.stream.ledger import LedgerFollower
from kascade.stream.pacing import hold
from kascade.stream.predicting import NoPrediction, PredictionClient
from kascade.stream.report import Played
from kascade.stream.source import Source, distance, same
from kascade.system.home import Home

PATIENCE_S = 180.0
DEFAULT_SPEC = """\
model: {model}
target: {target}
gate: {{margin: 0.02}}
rollout: {{phases: [shadow], margin: 0.02, min_labels: 100, deadline: {deadline_s:.0f}s}}
drift: {{window: 500}}
labels: {{window: {window_s:.0f}s, min_rows: 250}}
retrain:
  {{on: {on}, debounce: 1s, debounce_max: 3s, cooldown: 0s, cooldown_runs: 0, harm_cooldown: 0s,
   max_per_day: 1000, min_rows: 250, min_rows_share: 0.1, harm_min_rows: 100, breaker: 1000}}
"""


def default_spec(model: str, target: str, *, label_delay_s: float, frozen: bool) -> bytes:
    """Return a model.yaml whose days are seconds; `frozen` leaves every retraining out.

    A challenger goes through a shadow only: a canary needs some 17 times as many labels to decide. A training
    asks for a tenth as many new rows as the last one learnt from, so a short window is trained again soon.
    """
    on = "[]" if frozen else "[dataset, drift, performance]"
    window_s = max(3.0, 3 * label_delay_s)
    spec = DEFAULT_SPEC.format(
        model=model, target=target, on=on, window_s=window_s, deadline_s=max(180.0, 3 * window_s)
    )
    return spec.encode()


@dataclass
class Player:
    """Plays one source against a running system."""

    home: Home
    source: Source
    model: str
    spec: bytes
    first: int
    label_delay_s: float
    per_s: float | None
    console: Console
    failed: int = 0
    measure: str = "accuracy"
    played: list[Played] = field(default_factory=list)

    def run(self) -> list[dict[str, Any]]:
        """Play everything; return the ledger's events. Raises: HomeError, CallError."""
        client = connect(self.home.path)
        store = S3Store.from_env({**os.environ, **self.home.store_environment()})
        refusals = frozenset({c.SpecRejected.type, c.DatasetRejected.type})
        ledger = LedgerFollower(client, self.console, self.model, fatal=refusals)
        labeller = Labeller(store, self.model, delay_s=self.label_delay_s)
        ledger.start()
        try:
            self._train(store, client, ledger)
            labeller.start()
            self._play(ledger, labeller)
        finally:
            labeller.stop()
            time.sleep(2)
            ledger.stop()
        return ledger.events

    def _train(self, store: S3Store, client: Client, ledger: LedgerFollower) -> None:
        store.put(f"s3://raw/{self.model}/model.yaml", self.spec)
        store.put(f"s3://raw/{self.model}/first.csv", self.source.file(0, self.first))
        ledger.wait(c.DatasetIngested.type)
        request = c.TrainingRequested(model=self.model, requested_by="kascade stream")
        client.emit(originate(c.TrainingRequested.type, "/kascade/cli", self.model, request))
        ledger.wait(c.RolloutCompleted.type, timeout_s=600)
        about = client.get(self.model, f"/v2/models/{self.model}")
        self.measure = "accuracy" if about["properties"]["task"] == "classification" else "error"

    def _play(self, ledger: LedgerFollower, labeller: Labeller) -> None:
        predictions = PredictionClient(self.home.endpoints().gateway, self.model)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.console, transient=True) as progress:
            task = progress.add_task("playing", total=len(self.source.rows) - self.first)
            due, waited_s = time.monotonic(), 0.0
            asked: list[float] = []
            for at in range(self.first, len(self.source.rows)):
                while at % 20 == 0 and hold(list(ledger.events), asked, waited_s, patience_s=PATIENCE_S):
                    progress.update(task, description="the loop is at work")
                    time.sleep(0.1)
                    waited_s += 0.1
                    due = time.monotonic()
                else:
                    waited_s = 0.0
                if self.per_s is not None:
                    time.sleep(max(0.0, due - time.monotonic()))
                    due += 1 / self.per_s
                asked.append(time.time())
                self._ask(predictions, labeller, at)
                progress.update(task, advance=1, description="playing")
        predictions.close()

    def _ask(self, predictions: PredictionClient, labeller: Labeller, at: int) -> None:
        text = self.source.texts[at]
        try:
            answer = predictions.predict(self.source.rows[at])
        except NoPrediction as error:
            self.failed += 1
            if self.failed == 1:
                self.console.print(f"[red]row {at + 2} was not answered:[/] {escape(str(error))}")
            return
        if not text:
            return
        labeller.add(answer, text)
        right = self.measure == "accuracy"
        score = float(same(answer.predicted, text)) if right else distance(answer.predicted, text)
        self.played.append(Played(answer.at, answer.version, score))
