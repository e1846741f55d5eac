"""What a handler may raise, and nothing else on purpose.

    HandlingError
    ├── InvalidEvent   400, final: the event itself is wrong
    ├── Rejected       422, final: well formed, but refused for good (dead letter sink)
    └── RetryLater     503 with Retry-After: not now, deliver it again

Any other exception is a bug: 500, retried by the broker.
"""

from __future__ import annotations


class HandlingError(Exception):
    """The base of every outcome that a handler reports by raising."""


class InvalidEvent(HandlingError):
    """The event is malformed. `problems` lists all that is wrong with it, one sentence each."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class Rejected(HandlingError):
    """The event is well formed but refused for good; the reason travels to the dead letter sink."""


class RetryLater(HandlingError):
    """The event cannot be handled now; deliver it again after `after_s` seconds."""

    def __init__(self, reason: str, after_s: float = 1.0) -> None:
        super().__init__(reason)
        self.after_s = after_s
