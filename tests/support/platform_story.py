"""The loop with a platform that is played in the API of a system: a first version, a better, a worse one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from support import trained_on_request
from support.crowd import Asks, Crowd
from support.live_system import LiveSystem, eventually
from support.playing import Player
from support.trained_on_request import FEATURES, GOOD, POOR, begin, train

from eventing import catalogue as c

MODEL = "guests"
PERCENT = 20
"""The share of a canary."""


@dataclass
class Story:
    """One model's life, told in three steps while a crowd asks.

    Attributes:
        platform: who plays.
        asks: opens another connection to the model, at the address that the platform answers at.
    """

    system: LiveSystem
    platform: Player
    asks: Callable[[], Asks]

    def first(self) -> dict[str, Any]:
        """Drop a model.yaml and data; return how the rollout of the version that comes of them ended."""
        completed = begin(self.system, MODEL, self._spec(POOR))
        assert completed["data"]["outcome"] == "promoted", completed
        client = self.asks()
        assert client.predict(FEATURES).version == 1
        client.close()
        assert self.platform.splits[MODEL] == [{1: 100}]
        return dict(completed["data"])

    def better(self) -> None:
        """Have a better version go through its shadow and its canary to its promotion."""
        with self._crowd() as crowd:
            train(self.system, MODEL, self._spec(GOOD))
            started = self.system.wait_for(c.RolloutStarted.type, subject=f"{MODEL}/v2")
            assert (started["data"]["phase"], started["data"]["percent"]) == ("shadow", 0)
            advanced = self.system.wait_for(c.RolloutAdvanced.type, subject=f"{MODEL}/v2")
            assert (advanced["data"]["phase"], advanced["data"]["percent"]) == ("canary", PERCENT)
            settled = self._completed(2, "promoted", crowd)
        assert set(crowd.between(settled, time.time())) == {2}
        assert self.platform.splits[MODEL] == [{1: 100}, {1: 100 - PERCENT, 2: PERCENT}, {2: 100}]

    def worse(self) -> None:
        """Have a worse version, which was forced past the gate, taken back from its shadow."""
        with self._crowd() as crowd:
            train(self.system, MODEL, self._spec(POOR, margin=1.0))
            self._completed(3, "rolled_back", crowd)
        assert set(crowd.between(0, time.time())) == {2}, "a shadow answered a client"
        assert self.platform.splits[MODEL][-1] == {2: 100}

    def _completed(self, version: int, outcome: str, crowd: Crowd) -> float:
        """Wait until a rollout has ended, and for more answers; return when it had."""
        completed = self.system.wait_for(c.RolloutCompleted.type, subject=f"{MODEL}/v{version}")
        settled = time.time()
        eventually(lambda: crowd.between(settled, time.time()).total() > 50, 30, what="more answers")
        assert completed["data"]["outcome"] == outcome, completed
        assert crowd.failed == []
        return settled

    def _crowd(self) -> Crowd:
        return Crowd(self.system, MODEL, self.asks)

    def _spec(self, candidate: dict[str, Any], **gate: float) -> bytes:
        rollout = {"min_labels": 60, "canary_percent": PERCENT}
        return trained_on_request.spec(MODEL, candidate, rollout=rollout, labels="10s", **gate)
