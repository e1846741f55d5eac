"""A tick came: sweep the buckets. Event in, outcome out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from eventing.errors import RetryLater
from eventing.event import Event
from eventing.store import ObjectMissing
from functions.receive_objects.receiver import Receiver
from functions.receive_objects.sweep_throttle import SweepThrottle

BUDGET = timedelta(seconds=20)


@dataclass(frozen=True)
class Handler:
    """Callable with a tick. It answers nothing: each event must be marked once the sink has it."""

    receiver: Receiver
    buckets: tuple[str, ...]
    throttle: SweepThrottle

    def __call__(self, event: Event, payload: Any) -> list[Event]:
        """Sweep, unless a sweep is under way."""
        with self.throttle.start() as sweep:
            if sweep is not None:
                sweep.found_changes = sum(self._sweep(bucket) for bucket in self.buckets) > 0
        return []

    def _sweep(self, bucket: str) -> int:
        try:
            return self.receiver.sweep(bucket, budget=BUDGET)
        except ObjectMissing as error:
            raise RetryLater(f"there is no bucket {bucket}: create it", 5) from error
