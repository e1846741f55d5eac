"""Keeps a store's process up: one that ended is started again, on the same port with the same data."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0
STEADY_S = 30.0
"""A process that was up for so long is no longer one that keeps ending."""


class Restartable(Protocol):
    """What a keeper must know of a store; `StoreServer` is one."""

    @property
    def exit_code(self) -> int | None:
        """The code that the process ended with; None while it runs."""
        ...

    def relaunch(self) -> None:
        """Start the process again without waiting for it to answer."""
        ...


class Keeper:
    """Watches one store without a thread: whoever waits for something else calls `check` meanwhile."""

    def __init__(
        self,
        store: Restartable,
        report: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Watch a store that runs.

        Args:
            store: which one.
            report: called with a sentence when the process has ended.
            clock: seconds.
        """
        self._store = store
        self._report = report
        self._clock = clock
        self._launched = clock()
        self._pause_s = 0.0
        self._due: float | None = None

    def check(self) -> None:
        """Start the process again if it has ended: soon the first time, ever later while it keeps ending."""
        code = self._store.exit_code
        if code is None:
            return
        now = self._clock()
        if self._due is None:
            steady = not self._pause_s or now - self._launched >= STEADY_S
            self._pause_s = FIRST_PAUSE_S if steady else min(LONGEST_PAUSE_S, 2 * self._pause_s)
            self._due = now + self._pause_s
            self._report(f"the object store ended ({code}); starting it again in {self._pause_s:g} s")
        if now >= self._due:
            self._store.relaunch()
            self._launched = now
            self._due = None
