"""The log of predictions: a bounded queue that never makes a prediction wait, and a thread that empties it.

Only the event loop's thread notes, only the log's thread takes; each counts for itself, so no lock is held
between them. What does not fit into the queue is dropped and counted. A sink that does not answer keeps the
batch at hand in the thread, which tries again while the queue fills.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from functions.serve_model.batching import Noted, cut, side_by_side
from functions.serve_model.logic import Prediction
from functions.serve_model.model import Model
from functions.serve_model.posting import Batch, NotTaken
from functions.serve_model.settings import LogSettings

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 10.0
# Rows that are put side by side at a time: enough to be cheap, few enough to leave the others their turn.
_CHUNK_ROWS = 2_000

_log = logging.getLogger("kascade.serve_model.log")


class SendsBatches(Protocol):
    """Where batches go."""

    def send(self, batch: Batch) -> None:
        """Hand a batch over. Raises: NotTaken."""
        ...


class NoLog:
    """What notes nothing, where there is no sink."""

    def note(self, prediction: Prediction, seconds: float) -> None:
        """Do nothing."""

    def note_failure(self) -> None:
        """Do nothing."""

    def close(self, timeout_s: float) -> None:
        """Do nothing."""


class InferenceLog:
    """Notes predictions and sends them in batches. `start` and `close` it.

    Args:
        model: whose predictions they are.
        sender: where batches go.
        settings: the bounds.
        monotonic_s: a clock for the deadline of `close`.
    """

    def __init__(
        self,
        model: Model,
        sender: SendsBatches,
        settings: LogSettings,
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._model, self._sender, self._settings = model, sender, settings
        self._monotonic_s = monotonic_s
        width = max(1, len(model.encoding.names))
        self._limit = max(1, min(settings.queue_rows, settings.queue_cells // width))
        self._queue: deque[Noted] = deque()
        self._noted = self._dropped = self._failures = 0
        self._taken = self._sent = self._refused = self._failures_told = 0
        self._closing = threading.Event()
        self._deadline_s = float("inf")
        self._thread = threading.Thread(target=self._work, name="inference-log", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def note(self, prediction: Prediction, seconds: float) -> None:
        """Queue an answered request, or drop it when the queue is full."""
        rows = len(prediction.ids)
        if self._noted - self._taken + rows > self._limit:
            self._dropped += rows
            return
        self._noted += rows
        self._queue.append(Noted(prediction, seconds))

    def note_failure(self) -> None:
        """Count a request that ended with a 5xx."""
        self._failures += 1

    def counts(self) -> dict[str, int]:
        """Return rows by what became of them; `waiting` is left out, as it is no counter."""
        return {"sent": self._sent, "dropped": self._dropped, "refused": self._refused}

    def close(self, timeout_s: float) -> None:
        """Send what is queued, for at most so long, and end. What is left then is counted as dropped."""
        self._deadline_s = self._monotonic_s() + timeout_s
        self._closing.set()
        self._thread.join(timeout_s + 1)
        left = self._noted - self._taken
        if left > 0:
            self._dropped += left
            _log.error("%s rows of the log of predictions are lost: the sink did not take them in time", left)

    def _work(self) -> None:
        while not self._closing.wait(self._settings.interval_s):
            self.drain()
        self.drain()

    def drain(self) -> None:
        """Send all that is queued now."""
        while self._queue or self._failures > self._failures_told:
            noted, rows = [], 0
            while self._queue and rows < _CHUNK_ROWS:
                each = self._queue.popleft()
                noted.append(each)
                rows += len(each.prediction.ids)
            failures = self._failures - self._failures_told
            self._failures_told += failures
            columns = side_by_side(self._model, noted)
            limits = self._settings
            for body, count in cut(
                columns, failures, max_rows=limits.batch_rows, max_bytes=limits.batch_bytes
            ):
                if not self._send(Batch.of(body, count)):
                    return

    def _send(self, batch: Batch) -> bool:
        """Send a batch until it is taken or refused for good; return False when time is up."""
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                self._sender.send(batch)
                self._sent += batch.rows
            except NotTaken as error:
                if not error.final:
                    if self._monotonic_s() + pause_s > self._deadline_s:
                        return False
                    _log.warning("the sink does not take predictions: %s", error)
                    self._closing.wait(pause_s) if not self._closing.is_set() else time.sleep(pause_s)
                    pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                    continue
                self._refused += batch.rows
                _log.error("the sink refused %s predictions: %s", batch.rows, error)
            self._taken += batch.rows
            return True
