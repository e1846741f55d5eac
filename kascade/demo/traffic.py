"""Clients that never pause: they ask the model about digits, count what fails, and let labels follow."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from dataclasses import dataclass, field

from kascade.demo.digits import Digits
from kascade.stream.labelling import Labeller
from kascade.stream.predicting import NoPrediction, PredictionClient

_RECENT = 400


@dataclass
class Tally:
    """What the clients saw."""

    asked: int = 0
    failed: list[str] = field(default_factory=list)
    by_version: dict[int, int] = field(default_factory=dict)
    right: deque[bool] = field(default_factory=lambda: deque(maxlen=_RECENT))
    last_id: str | None = None

    @property
    def accuracy(self) -> float | None:
        """The share of right answers among the newest; None before the first."""
        return sum(self.right) / len(self.right) if self.right else None


class Traffic:
    """Some client threads with a steady rate in all.

    Args:
        per_s: requests per second in all.
        clients: threads.
    """

    def __init__(
        self, gateway: str, model: str, digits: Digits, labeller: Labeller, *, per_s: float, clients: int = 2
    ) -> None:
        self._gateway, self._model, self._digits, self._labeller = gateway, model, digits, labeller
        self._pause_s = clients / per_s
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._work, args=(seed,), name=f"client-{seed}", daemon=True)
            for seed in range(clients)
        ]
        self.rows = digits.asked
        self.negative = False
        self.tally = Tally()

    def start(self) -> None:
        """Begin to ask."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End asking."""
        self._stopping.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def forget_accuracy(self) -> None:
        """Let the accuracy count from now."""
        with self._lock:
            self.tally.right.clear()

    def _work(self, seed: int) -> None:
        rng = random.Random(seed)  # noqa: S311 - which digit is asked about, no secret
        predictions = PredictionClient(self._gateway, self._model)
        due = time.monotonic()
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            due = max(due + self._pause_s, time.monotonic() - 1)
            self._ask(predictions, rng.choice(self.rows))
        predictions.close()

    def _ask(self, predictions: PredictionClient, row: int) -> None:
        tally, truth = self.tally, self._digits.truth(row)
        try:
            answer = predictions.predict(self._digits.question(row, negative=self.negative))
        except NoPrediction as error:
            with self._lock:
                tally.asked += 1
                tally.failed.append(str(error))
            return
        self._labeller.add(answer, truth)
        with self._lock:
            tally.asked += 1
            tally.by_version[answer.version] = tally.by_version.get(answer.version, 0) + 1
            tally.right.append(answer.predicted == truth)
            tally.last_id = answer.prediction_id
