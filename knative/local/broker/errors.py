"""What can go wrong in the broker.

BrokerError
├── InvalidSpec      a Broker or Trigger cannot be honoured; every problem names its field
├── MalformedEvent   the ingress or a reply is no CloudEvent (400, or a failed delivery)
├── Damaged          the log's file does not hold what was stored
└── LogUnavailable   the log could not store an event (no space, I/O error): nothing was accepted
"""

from __future__ import annotations

from knative.local.resources.fields import Problem


class BrokerError(Exception):
    """The base of all errors of the broker."""


class InvalidSpec(BrokerError):
    """A Broker or Trigger is malformed or unsupported; `problems` lists everything found."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = problems


class MalformedEvent(BrokerError):
    """The headers and body are no CloudEvent; `problems` lists everything found, one sentence each."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class Unreachable(BrokerError):
    """A subscriber or a sink gave no answer: refused, broken off, or too late."""


class Damaged(BrokerError):
    """A row of the log is not what was stored: its page was overwritten, or lost."""


class LogUnavailable(BrokerError):
    """The log refused a write; `full` says that it was for lack of space."""

    def __init__(self, reason: str, *, full: bool = False) -> None:
        super().__init__(reason)
        self.full = full
