"""Tells every some seconds how far a file is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from eventing.event import Event, derive_id
from eventing.sink import EventSink, SinkError

_log = logging.getLogger(__name__)


class Progress:
    """Sends an event when some seconds have passed since the last. No sink that is away stops the job.

    Args:
        every_s: how often.
        said: makes the event from the rows that are done and the seconds since the beginning.
    """

    def __init__(
        self,
        sink: EventSink,
        every_s: float,
        event_of: Callable[[int, float], Event],
        monotonic_s: Callable[[], float],
    ) -> None:
        self._sink = sink
        self._every_s = every_s
        self._event_of = event_of
        self._monotonic_s = monotonic_s
        self._begun_s = self._reported_s = monotonic_s()
        self._beat = 0

    def announce(self, rows: int) -> None:
        """Take note of how many rows are done."""
        now_s = self._monotonic_s()
        if now_s - self._reported_s < self._every_s:
            return
        self._reported_s, self._beat = now_s, self._beat + 1
        event = self._event_of(rows, round(now_s - self._begun_s, 3))
        try:
            self._sink.send(replace(event, id=derive_id(event.id, event.type, str(self._beat))))
        except SinkError as error:
            _log.warning("it cannot be told how far the file is: %s", error)
