"""Tells how far a run is: when a step begins, and again every few minutes while it lasts."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable

from eventing.event import Event
from eventing.sink import EventSink, SinkError
from pipelines.engines import Run
from pipelines.progress import STEPS, progressed
from pipelines.request import RunRequest

_log = logging.getLogger(__name__)


class Progress:
    """Sends `training.progressed` for one attempt of a run."""

    def __init__(
        self,
        sink: EventSink,
        every_s: float,
        event: Event,
        request: RunRequest,
        run: Run,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin an attempt.

        Args:
            every_s: how often a step that goes on is told again.
            event: what asked for the run.
        """
        self._sink = sink
        self._every_s = every_s
        self._event = event
        self._request = request
        self._attempt = str(run.parameters.get("attempt") or uuid.uuid4().hex)
        self._first = STEPS[:1] if run.package is None else ()
        self._clock = clock
        self._started = clock()
        self._announced: tuple[str, ...] | None = None
        self._announced_at = 0.0
        self._beat = 0

    def announce(self, begun: tuple[str, ...]) -> None:
        """Send the event if a step has begun or goes on for long. No sink that is away stops the run."""
        now, begun = self._clock(), begun or self._first
        if begun == self._announced and now - self._announced_at < self._every_s:
            return
        self._beat = self._beat + 1 if begun == self._announced else 0
        self._announced, self._announced_at = begun, now
        event = progressed(
            self._request,
            self._event,
            attempt=self._attempt,
            begun=begun,
            beat=self._beat,
            seconds=now - self._started,
        )
        try:
            self._sink.send(event)
        except SinkError as error:
            _log.warning("it cannot be told how far the run is: %s", error)
