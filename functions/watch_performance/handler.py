"""Labels were joined, or predictions matured. Event in, outcome out."""

from __future__ import annotations

from dataclasses import dataclass

from eventing.catalogue import FeedbackJoined
from eventing.event import Event
from functions.watch_performance.watch import Watcher


@dataclass(frozen=True)
class Handler:
    """Callable with (event, payload); returns the events that answer it."""

    watcher: Watcher

    def __call__(self, event: Event, payload: FeedbackJoined) -> list[Event]:
        """Watch the champion by what has matured."""
        return self.watcher.watch(event, payload)
