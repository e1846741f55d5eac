"""A tick came: sweep the buckets. Event in, outcome out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from eventing.errors import RetryLater
from eventing.event import Event
from eventing.store import ObjectMissing
from functions.receive_objects.receiver import Receiver
from functions.receive_objects.turns import Turns

BUDGET = timedelta(seconds=20)


@dataclass(frozen=True)
class Handler:
    """Callable with a tick. It answers nothing: each event must be marked once the sink has it."""

    receiver: Receiver
    buckets: tuple[str, ...]
    turns: Turns

    def __call__(self, event: Event, payload: Any) -> list[Event]:
        """Sweep, unless a sweep is under way."""
        with self.turns.take() as turn:
            if turn is not None:
                turn.fruitful = sum(self._sweep(bucket) for bucket in self.buckets) > 0
        return []

    def _sweep(self, bucket: str) -> int:
        try:
            return self.receiver.sweep(bucket, budget=BUDGET)
        except ObjectMissing as error:
            raise RetryLater(f"there is no bucket {bucket}: create it", 5) from error
