"""Follows the ledger in the background: shows each event worth a line, and lets others wait for one."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

from rich.console import Console

from eventing import catalogue as c
from kascade.client import Client
from kascade.reach.port import CallError
from kascade.rendering.event_line import event_line
from kascade.system.home import HomeError

QUIET = frozenset(
    {
        c.TimerDue.type,
        c.FeedbackReceived.type,
        c.FeedbackJoined.type,
        c.WindowClosed.type,
        c.TrainingDeferred.type,
    }
)
"""Types that come by the dozen and are not shown."""

FATAL = frozenset({c.SpecRejected.type, c.DatasetRejected.type, c.TrainingFailed.type, c.DeliveryFailed.type})

Recorded = dict[str, Any]


class LedgerFollower:
    """What the ledger has recorded about one model.

    Args:
        client: of the running system, which may have other models.
        model: whose events are meant.
        console: where lines are printed.
        fatal: types of events after which waiting is pointless.
    """

    def __init__(
        self,
        client: Client,
        console: Console,
        model: str,
        *,
        fatal: frozenset[str] = FATAL,
        show: bool = True,
    ) -> None:
        self._client, self._console, self._model = client, console, model
        self._fatal, self._show = fatal, show
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._follow, name="ledger", daemon=True)
        self._drifting: set[str] = set()
        self.events: list[Recorded] = []

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """End following."""
        self._stopping = True
        self._thread.join(timeout=10)

    def wait(
        self,
        type_: str,
        *,
        matches: Callable[[Recorded], bool] = lambda event: True,
        after: int = 0,
        timeout_s: float = 180,
    ) -> Recorded:
        """Return the first event of a type that matches.

        Args:
            after: so many events at the beginning are passed over.

        Raises:
            HomeError: it did not come in time, or something failed for good before.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while True:
                for place, event in enumerate(self.events):
                    if place >= after and event["type"] == type_ and matches(event):
                        return event
                    if event["type"] in self._fatal:
                        data = json.dumps(event["data"], ensure_ascii=False)
                        raise HomeError(f"{event['type']}: {data[:2000]}")
                left = deadline - time.monotonic()
                if left <= 0:
                    last = self.events[-1]["type"] if self.events else "none"
                    name = type_.removeprefix(c.PREFIX)
                    raise HomeError(f"no {name} came within {timeout_s:.0f} s; the last event was {last}")
                self._changed.wait(left)

    def _is_quiet(self, event: Recorded) -> bool:
        """Say whether an event is left out: one of many, or drift of a version that was shown to drift."""
        if event["type"] in QUIET or str(event["type"]).startswith(c.S3_PREFIX):
            return True
        known = event.get("subject") in self._drifting
        if event["type"] == c.DriftDetected.type:
            self._drifting.add(str(event.get("subject")))
            return known
        return event["type"] == c.DriftChecked.type and (
            known or (event.get("data") or {}).get("status") == "drifted"
        )

    def _follow(self) -> None:
        after = 0
        while not self._stopping:
            try:
                for row in self._client.ledger(after=after, wait_s=2, deadline=time.monotonic() + 3):
                    after = row["seq"]
                    if str(row["event"].get("subject")).split("/")[0] == self._model:
                        self._take(row["event"])
            except CallError:
                time.sleep(0.2)

    def _take(self, event: Recorded) -> None:
        if self._show and not self._is_quiet(event):
            self._console.print("  " + event_line(event))
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()
