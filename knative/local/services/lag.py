"""How late controllers see a change: on a cluster a revision is not there yet when the API answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum, auto

from knative.local.resources.objects import Key


class Stage(Enum):
    """How far a Service's newest spec has come."""

    UNSEEN = auto()
    """No controller has seen it: its status is that of the spec before."""
    CONFIGURED = auto()
    """Its Configuration has it, and has made no revision of it."""
    REVISED = auto()
    """Its revision is made."""


class Lag:
    """Has every new spec of a Service go through its stages, the last one `seconds` after the change."""

    def __init__(self, again: Callable[[Key], None]) -> None:
        """`again` has a Service reconciled once more. There is no lag until `seconds` is set."""
        self.seconds = 0.0
        self._again = again
        self._stages: dict[Key, tuple[int, Stage]] = {}

    def stage(self, key: Key, generation: int) -> Stage:
        """Return how far the Service at `key` has come with its spec of this generation."""
        known, stage = self._stages.get(key, (0, Stage.UNSEEN))
        if known == generation:
            return stage
        stage = Stage.UNSEEN if self.seconds else Stage.REVISED
        self._stages[key] = (generation, stage)
        if self.seconds:
            loop = asyncio.get_running_loop()
            loop.call_later(self.seconds / 2, self._reach, key, generation, Stage.CONFIGURED)
            loop.call_later(self.seconds, self._reach, key, generation, Stage.REVISED)
        return stage

    def forget(self, key: Key) -> None:
        """Forget a Service that is no more."""
        self._stages.pop(key, None)

    def _reach(self, key: Key, generation: int, stage: Stage) -> None:
        # It may have been changed again meanwhile, or deleted.
        if key in self._stages and self._stages[key][0] == generation:
            self._stages[key] = (generation, stage)
            self._again(key)
