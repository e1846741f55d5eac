"""Loop protection: how many times an event may still pass the broker. knative/eventing pkg/broker/ttl.go."""

from __future__ import annotations

import re

EXTENSION = "knativebrokerttl"

_INTEGER = re.compile(r"[+-]?[0-9]{1,9}")


def next_ttl(current: str | None, max_ttl: int) -> int:
    """Return the TTL after one more pass: `max_ttl` when there is none or no integer, else one less.

    A result of zero or below means that the event is refused.
    """
    if current is None or not _INTEGER.fullmatch(current):
        return max_ttl
    return int(current) - 1
