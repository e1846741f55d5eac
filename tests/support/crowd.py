"""A client that never stops asking a model of a running system, and learns the truth later."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

from support.live_system import LiveSystem, customers

from eventing.store import S3Store
from kascade.stream.labelling import Labeller
from kascade.stream.predicting import Answer, NoPrediction, PredictionClient


class Asks(Protocol):
    """A client of one model, for one thread."""

    def predict(self, row: Mapping[str, Any]) -> Answer:
        """Return the prediction for a row. Raises: NoPrediction."""

    def close(self) -> None:
        """Close its connection."""


@dataclass
class Crowd:
    """Asks without pause and learns the truth a second later.

    Attributes:
        live: the system.
        model: who is asked.
        client: opens another connection to it; by default to the Knative Service of its name.
        failed: why requests had no answer.
    """

    live: LiveSystem
    model: str
    client: Callable[[], Asks] | None = None
    answers: list[Answer] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        text = customers(2000, seed=99).decode().splitlines()
        names = text[0].split(",")
        self._rows = [dict(zip(names, line.split(","), strict=True)) for line in text[1:]]
        store = S3Store.from_env(self.live.environment)
        self._labeller = Labeller(store, self.model, delay_s=1.0)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Crowd:
        self._labeller.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._labeller.stop()

    def between(self, first: float, last: float) -> Counter[int]:
        """Count who answered what was asked in a stretch of time."""
        return Counter(answer.version for answer in self.answers if first <= answer.at < last)

    def rush(self, requests: int) -> Counter[int]:
        """Ask as fast as it goes, from several connections; count who answered."""

        def work(seed: int) -> Counter[int]:
            predictions, chosen = self._client(), random.Random(seed)
            found = Counter(self._ask(predictions, chosen).version for _ in range(requests // 4))
            predictions.close()
            return found

        with ThreadPoolExecutor(4) as pool:
            return sum(pool.map(work, range(4)), Counter())

    def _work(self) -> None:
        predictions, chosen = self._client(), random.Random(99)
        while not self._stopping.wait(0.01):
            try:
                self.answers.append(self._ask(predictions, chosen))
            except NoPrediction as error:
                self.failed.append(str(error))

    def _client(self) -> Asks:
        if self.client is not None:
            return self.client()
        return PredictionClient(self.live.home.endpoints().gateway, self.model)

    def _ask(self, predictions: Asks, chosen: random.Random) -> Answer:
        row = chosen.choice(self._rows)
        answer = predictions.predict(features(row))
        self._labeller.add(answer, row["churned"])
        return answer


def features(row: dict[str, str]) -> dict[str, Any]:
    numbers = {"amount": float(row["amount"]), "visits": int(row["visits"])}
    return {**numbers, "country": row["country"], "seen_on": row["seen_on"]}
