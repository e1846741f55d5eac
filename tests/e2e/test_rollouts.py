"""A challenger goes through shadow and canary while a client never stops asking, whatever is killed."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from scipy.stats import binomtest
from support.live_system import LiveSystem, customers, eventually

from eventing import catalogue as c
from eventing.store import S3Store
from kascade.stream.labelling import Labeller
from kascade.stream.predicting import Answer, NoPrediction, PredictionClient

pytestmark = pytest.mark.timeout(700)

MODEL = "patrons"
POOR = {"estimator": "decision_tree", "grid": {"max_depth": [1]}}
GOOD = {"estimator": "logistic_regression", "grid": {"C": [1.0]}}
OF_THE_LOOP = ("judge_rollout", "roll_out_model", "join_feedback", "log_inferences", "ring_timers")


def spec(candidate: dict[str, Any], **gate: float) -> bytes:
    """Return a model.yaml whose days are seconds, and which starts no training by itself."""
    return json.dumps(
        {
            "model": MODEL,
            "target": "churned",
            "entity": "customer",
            "train": {"metric": "accuracy", "candidates": [candidate]},
            "gate": gate,
            "rollout": {"margin": 0.05, "min_labels": 80, "deadline": "10m", "canary_percent": 10},
            "labels": {"window": "15s", "train": False},
            "retrain": {"on": []},
        }
    ).encode()


@dataclass
class Crowd:
    """A client that asks without pause and learns the truth a second later."""

    live: LiveSystem
    answers: list[Answer] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        text = customers(2000, seed=99).decode().splitlines()
        names = text[0].split(",")
        self._rows = [dict(zip(names, line.split(","), strict=True)) for line in text[1:]]
        store = S3Store.from_env(self.live.environment)
        self._labeller = Labeller(store, MODEL, delay_s=1.0)
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
            predictions, chosen = (
                PredictionClient(self.live.home.endpoints().gateway, MODEL),
                random.Random(seed),
            )
            found = Counter(self._ask(predictions, chosen).version for _ in range(requests // 4))
            predictions.close()
            return found

        with ThreadPoolExecutor(4) as pool:
            return sum(pool.map(work, range(4)), Counter())

    def _work(self) -> None:
        predictions, chosen = PredictionClient(self.live.home.endpoints().gateway, MODEL), random.Random(99)
        while not self._stopping.wait(0.01):
            try:
                self.answers.append(self._ask(predictions, chosen))
            except NoPrediction as error:
                self.failed.append(str(error))

    def _ask(self, predictions: PredictionClient, chosen: random.Random) -> Answer:
        row = chosen.choice(self._rows)
        answer = predictions.predict(features(row))
        self._labeller.add(answer, row["churned"])
        return answer


def features(row: dict[str, str]) -> dict[str, Any]:
    numbers = {"amount": float(row["amount"]), "visits": int(row["visits"])}
    return {**numbers, "country": row["country"], "seen_on": row["seen_on"]}


def train(system: LiveSystem, candidate: dict[str, Any], **gate: float) -> None:
    """Have another version made, by a person's request."""
    before = len(system.events(type=c.SpecRegistered.type, subject=MODEL))
    system.put(f"s3://raw/{MODEL}/model.yaml", spec(candidate, **gate))
    eventually(
        lambda: len(system.events(type=c.SpecRegistered.type, subject=MODEL)) > before, 60, what="model.yaml"
    )
    system.run("kascade", "retrain", MODEL)


def time_of(event: dict[str, Any]) -> float:
    return datetime.fromisoformat(event["time"]).timestamp()


def kill_the_loop(system: LiveSystem) -> None:
    for function in OF_THE_LOOP:
        assert system.kill(f"functions.{function}"), function


@pytest.fixture(scope="module")
def served(announcing: LiveSystem) -> LiveSystem:
    """A system, with a first version that is not very good."""
    system = announcing
    system.put(f"s3://raw/{MODEL}/model.yaml", spec(POOR))
    system.put(f"s3://raw/{MODEL}/customers.csv", customers(1500))
    system.wait_for(c.DatasetIngested.type, subject=MODEL)
    system.run("kascade", "retrain", MODEL)
    system.wait_for(c.RolloutCompleted.type, subject=f"{MODEL}/v1")
    return system


def test_a_better_challenger_is_promoted_through_shadow_and_canary_whatever_is_killed(
    served: LiveSystem,
) -> None:
    with Crowd(served) as crowd:
        train(served, GOOD)
        started = served.wait_for(c.RolloutStarted.type, subject=f"{MODEL}/v2")
        assert started["data"]["phase"] == "shadow"
        kill_the_loop(served)
        advanced = served.wait_for(c.RolloutAdvanced.type, subject=f"{MODEL}/v2")
        assert advanced["data"]["percent"] == 10
        served.run("kascade", "pause", MODEL)
        kill_the_loop(served)
        shares = crowd.rush(10_000)
        served.run("kascade", "resume", MODEL)
        completed = served.wait_for(c.RolloutCompleted.type, subject=f"{MODEL}/v2")
        settled = time.time()
        eventually(lambda: crowd.between(settled, time.time()).total() > 50, 30, what="more answers")
    assert completed["data"]["outcome"] == "promoted"
    assert crowd.failed == []
    verdicts = served.events(type=c.RolloutDecided.type, subject=f"{MODEL}/v2")
    # That the canary stands is told when its traffic has arrived; the shadow ends with the judge's word.
    shadowed = crowd.between(time_of(started), time_of(verdicts[0]))
    assert set(shadowed) == {1}, "a shadow answered a client"
    assert binomtest(shares[2], shares.total(), 0.1).pvalue > 1e-4, shares
    assert set(crowd.between(settled, time.time())) == {2}
    assert [(each["data"]["phase"], each["data"]["outcome"]) for each in verdicts] == [
        ("shadow", "promoted"),
        ("canary", "promoted"),
    ]
    assert all(each["data"]["wealth_better"] >= each["data"]["threshold"] for each in verdicts)


def test_a_worse_challenger_that_was_forced_past_the_gate_is_taken_back(served: LiveSystem) -> None:
    with Crowd(served) as crowd:
        train(served, POOR, margin=1.0)
        completed = served.wait_for(c.RolloutCompleted.type, subject=f"{MODEL}/v3")
    assert completed["data"]["outcome"] == "rolled_back"
    assert crowd.failed == []
    assert set(crowd.between(0, time.time())) == {2}, "it was still in its shadow"
    assert "rolled_back" in served.run("kascade", "explain", f"{MODEL}/v3")


def test_a_person_rolls_back_and_the_champion_before_answers_at_once(served: LiveSystem) -> None:
    with Crowd(served) as crowd:
        eventually(lambda: crowd.answers, 30, what="answer")
        served.run("kascade", "rollback", MODEL)
        eventually(lambda: crowd.answers[-1].version == 1, 20, what="answer by the champion before")
        settled = time.time()
        eventually(lambda: crowd.between(settled, time.time()).total() > 100, 30, what="more answers")
    assert crowd.failed == []
    assert set(crowd.between(settled, time.time())) == {1}
