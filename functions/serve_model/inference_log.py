"""The log of predictions: a bounded queue that never makes a prediction wait, and a thread that empties it.

Only the event loop's thread notes, only the log's thread takes; each counts for itself, so no lock is held
between them. What does not fit into the queue is dropped and counted. A sink that does not answer keeps the
batch at hand in the thread, which tries again while the queue fills.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Protocol

import numpy as np

from functions.serve_model.batching import Noted, cut, side_by_side
from functions.serve_model.logic import Prediction
from functions.serve_model.model import Model
from functions.serve_model.posting import Batch, NotTaken
from functions.serve_model.settings import LogSettings
from pipelines.prediction_ids import RANDOM_BITS, prediction_ids

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 10.0
# Events made from what is taken at a time: enough to cut evenly, few enough to leave others their turn.
_EVENTS_AT_ONCE = 6
# What a request, a row and a value occupy while they wait: Python's objects, measured and rounded up.
_REQUEST_BYTES, _ROW_BYTES, _VALUE_BYTES = 1200, 200, 40

_log = logging.getLogger("kascade.serve_model.log")


class SendsBatches(Protocol):
    """Where batches go."""

    def send(self, batch: Batch, timeout_s: float) -> None:
        """Hand a batch over. Raises: NotTaken."""
        ...


class PredictionLog:
    """Where each answered request is noted; it must return at once. This one notes nothing."""

    def note(self, prediction: Prediction, seconds: float, body_bytes: int) -> None:
        """Note what was answered, how long that took, and how large the request was."""

    def note_failure(self) -> None:
        """Note a request to infer that ended with a 5xx."""

    def close(self, timeout_s: float) -> None:
        """Send on what was noted, for at most so long."""


class InferenceLog(PredictionLog):
    """Notes predictions and sends them in batches. `start` and `close` it.

    Args:
        model: whose predictions they are.
        sender: where batches go.
        settings: the bounds.
        monotonic_s: a clock for pauses and the deadline of `close`.
        sleep: waits for seconds.
        now_s: the time of day, for the events.
    """

    def __init__(
        self,
        model: Model,
        sender: SendsBatches,
        settings: LogSettings,
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._model, self._sender, self._settings = model, sender, settings
        self._monotonic_s, self._sleep, self._now_s = monotonic_s, sleep, now_s
        self._random_bits = random.Random().getrandbits  # noqa: S311 - ids, not secrets
        width = max(1, len(model.encoding.names))
        self._row_bytes = _ROW_BYTES + _VALUE_BYTES * width
        self._json_bytes = 120.0 + 12 * width  # of a row; each event that is made corrects it
        self._queue: deque[Noted] = deque()
        # Of the thread that notes:
        self._noted = self._noted_bytes = self._overflowed = self._failures = 0
        # Of the thread that sends:
        self._taken = self._taken_bytes = self._sent = self._lost = 0
        self._refused = self._failed_sends = self._failures_sent = 0
        self._wake, self._closing = threading.Event(), threading.Event()
        self._deadline_s = float("inf")
        self._thread = threading.Thread(target=self._work, name="inference-log", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def note(self, prediction: Prediction, seconds: float, body_bytes: int) -> None:
        """Queue an answered request, or drop it when the queue is full. `body_bytes` bounds its texts."""
        rows = len(prediction.ids)
        inputs = prediction.inputs
        if isinstance(inputs, np.ndarray):
            size = _REQUEST_BYTES + _ROW_BYTES * rows + inputs.nbytes
        else:
            size = _REQUEST_BYTES + self._row_bytes * rows + body_bytes
        waiting = self._noted - self._taken + rows
        waiting_bytes = self._noted_bytes - self._taken_bytes + size
        limits = self._settings
        if waiting > limits.queue_rows or waiting_bytes > limits.queue_bytes:
            self._overflowed += rows
            return
        self._noted += rows
        self._noted_bytes += size
        self._queue.append((prediction, seconds, size))
        # Under much load the thread does not sleep until the queue is full.
        full = 4 * waiting > limits.queue_rows or 4 * waiting_bytes > limits.queue_bytes
        if full and not self._wake.is_set():
            self._wake.set()

    def note_failure(self) -> None:
        """Count a request that ended with a 5xx."""
        self._failures += 1

    def counts(self) -> dict[str, int]:
        """Return what became of the rows, how many wait, and how many attempts to send failed."""
        return {
            "sent_rows": self._sent,
            "dropped_rows": self._overflowed + self._lost,
            "refused_rows": self._refused,
            "waiting_rows": self._noted - self._taken,
            "failed_sends": self._failed_sends,
        }

    def close(self, timeout_s: float) -> None:
        """Send what is queued, for at most so long, and end. What is left then is counted as dropped."""
        self._deadline_s = self._monotonic_s() + timeout_s
        self._closing.set()
        self._wake.set()
        self._thread.join(timeout_s + 0.5)
        left = self._noted - self._taken
        if left:
            self._overflowed += left
            _log.error("%s rows of the log of predictions are lost: the sink did not take them in time", left)

    def drain(self) -> bool:
        """Send all that is queued now; return False when time was up before that.

        What is noted meanwhile waits for the next time: a slow sink must not make batches small, and so many.
        """
        until = self._noted
        while (self._queue and self._taken < until) or self._failures > self._failures_sent:
            taken, rows, size = self._take()
            failures = self._failures - self._failures_sent
            self._failures_sent += failures
            before = self._taken
            try:
                for batch in self._batches(taken, failures):
                    if not self._send(batch):
                        return False
            except Exception:  # a defect in one batch must not end the log for good
                _log.exception("predictions could not be logged")
                self._lost += rows - (self._taken - before)
                self._taken = before + rows
            self._taken_bytes += size
        return True

    def _work(self) -> None:
        going = True
        while going and not self._closing.is_set():
            self._wake.wait(self._settings.interval_s)
            self._wake.clear()
            going = self.drain()
        if going:
            self.drain()

    def _take(self) -> tuple[list[Noted], int, int]:
        """Take requests that fill a few events; return them, their rows and their bytes."""
        wanted = _EVENTS_AT_ONCE * self._event_rows()
        taken, rows, size = [], 0, 0
        while self._queue and rows < wanted:
            each = self._queue.popleft()
            taken.append(each)
            rows += len(each[0].ids)
            size += each[2]
        return taken, rows, size

    def _event_rows(self) -> int:
        """Return how many rows make an event, as far as is known."""
        limits = self._settings
        return max(1, min(limits.batch_rows, int(0.9 * limits.batch_bytes / self._json_bytes)))

    def _batches(self, taken: list[Noted], failures: int) -> Iterator[Batch]:
        columns = side_by_side(self._model, taken)
        rows, max_bytes = self._event_rows(), self._settings.batch_bytes
        for body, count in cut(columns, failures, max_rows=rows, max_bytes=max_bytes):
            if count:
                self._json_bytes = len(body) / count
            now_s = self._now_s()
            identity = prediction_ids(1, int(now_s * 1000), self._random_bits(RANDOM_BITS))[0]
            yield Batch(identity, body, count, datetime.fromtimestamp(now_s, UTC))

    def _send(self, batch: Batch) -> bool:
        """Send a batch until it is taken or refused for good; return False when time is up."""
        pause_s = FIRST_PAUSE_S
        while True:
            left_s = self._deadline_s - self._monotonic_s()
            if left_s <= 0:
                return False
            try:
                self._sender.send(batch, min(self._settings.timeout_s, left_s))
                self._sent += batch.rows
                break
            except NotTaken as error:
                self._failed_sends += 1
                if error.final:
                    self._refused += batch.rows
                    _log.error("the sink refused %s predictions: %s", batch.rows, error)
                    break
                _log.warning("the sink does not take predictions: %s", error)
            self._rest(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        self._taken += batch.rows
        return True

    def _rest(self, pause_s: float) -> None:
        """Wait before the next attempt; a request to end cuts the wait short."""
        ending = self._closing.is_set()
        until_s = min(self._monotonic_s() + pause_s, self._deadline_s)
        while (left_s := until_s - self._monotonic_s()) > 0 and self._closing.is_set() == ending:
            self._sleep(min(left_s, 0.1))
