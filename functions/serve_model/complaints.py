"""Says in the process's log what goes wrong many times a second, once in a while."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

EVERY_S = 10.0
_log = logging.getLogger("kascade.serve_model")


class Complaints:
    """Each kind of trouble at once when it begins, and then with a count while it lasts."""

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._monotonic_s = monotonic_s
        self._logged_at: dict[str, float] = {}
        self._since: dict[str, int] = {}

    def say(self, text: str) -> None:
        """Log a text, unless it was logged just now; then it is counted."""
        now = self._monotonic_s()
        if now - self._logged_at.get(text, -EVERY_S) < EVERY_S:
            self._since[text] = self._since.get(text, 0) + 1
            return
        more = self._since.pop(text, 0)
        _log.warning("%s%s", text, f" ({more} more times in the last while)" if more else "")
        if len(self._logged_at) > 100:  # texts that quote what differs each time
            self._logged_at.clear()
            self._since.clear()
        self._logged_at[text] = now
