"""Gives labels back some time after their predictions, as files dropped into `feedback/<model>/`."""

from __future__ import annotations

import csv
import io
import threading
import time
import uuid
from collections import deque
from typing import Any

from eventing.store import Store, StoreError
from kascade.stream.predicting import Answer


class Labeller:
    """Collects the truth about predictions and drops what is old enough, a file at a time.

    Args:
        store: where the bucket `feedback` is.
        model: whose predictions they are.
        delay_s: from a prediction until its label is known.
        every_s: pause between two files.
    """

    def __init__(self, store: Store, model: str, *, delay_s: float, every_s: float = 0.5) -> None:
        self._store, self._model = store, model
        self._delay_s, self._every_s = delay_s, every_s
        self._waiting: deque[tuple[float, str, Any]] = deque()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="labels", daemon=True)
        self.dropped = 0

    def start(self) -> None:
        """Begin to drop files."""
        self._thread.start()

    def add(self, answer: Answer, truth: Any) -> None:
        """Note what a prediction should have been."""
        self._waiting.append((answer.at, answer.prediction_id, truth))

    def stop(self) -> None:
        """Drop what is left, whatever its age, and end."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._delay_s = 0.0
        self._drop()

    def _work(self) -> None:
        while not self._stopping.wait(self._every_s):
            self._drop()

    def _drop(self) -> None:
        ripe: list[tuple[float, str, Any]] = []
        until = time.time() - self._delay_s
        while self._waiting and self._waiting[0][0] <= until:
            ripe.append(self._waiting.popleft())
        if not ripe:
            return
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(["prediction_id", "label"])
        writer.writerows([prediction_id, truth] for _, prediction_id, truth in ripe)
        uri = f"s3://feedback/{self._model}/{uuid.uuid4()}.csv"
        try:
            self._store.put(uri, text.getvalue().encode())
        except StoreError:
            self._waiting.extendleft(reversed(ripe))
            return
        self.dropped += len(ripe)
