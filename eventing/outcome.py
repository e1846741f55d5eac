"""The one place where what a handler raises becomes an HTTP answer."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field

from eventing.errors import InvalidEvent, Rejected, RetryLater
from eventing.sink import SinkError
from eventing.store.errors import DigestMismatch, ObjectMissing, RequestRefused, StoreUnavailable

MAX_BODY_BYTES = 700
"""Knative copies an error's body into the dead letter; some of its releases break on more than 768 bytes."""


@dataclass(frozen=True)
class Failure:
    """How an event that was not handled is answered."""

    outcome: str
    status: int
    problems: tuple[str, ...]
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        """The reason as JSON, as many problems as fit."""
        kept = list(self.problems)
        while True:
            dropped = len(self.problems) - len(kept)
            more = [f"and {dropped} more"] if dropped else []
            raw = json.dumps({"error": self.outcome, "problems": kept + more}, ensure_ascii=False).encode()
            if len(raw) <= MAX_BODY_BYTES:
                return raw
            if len(kept) > 1:
                kept.pop()
            else:
                kept = [kept[0][: len(kept[0]) * 2 // 3].rstrip() + "…"]


def failure_of(error: Exception) -> Failure:
    """Say how an exception is answered.

    400 and 422 are final: the broker puts the event into the dead letter sink. 503 and 500 are retried. A
    file that is missing, or is not the one that was promised, stays so however often the event comes.
    """
    match error:
        case InvalidEvent():
            return Failure("invalid", 400, error.problems)
        case Rejected() | ObjectMissing() | DigestMismatch() | RequestRefused():
            return Failure("rejected", 422, (str(error),))
        case RetryLater():
            return Failure(
                "retry", 503, (str(error),), {"Retry-After": str(max(1, math.ceil(error.after_s)))}
            )
        case StoreUnavailable() | SinkError():
            return Failure("retry", 503, (str(error),), {"Retry-After": "1"})
        case _:
            return Failure("failed", 500, (f"{type(error).__name__}: {error}",))
