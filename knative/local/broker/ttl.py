"""Loop protection: how many times an event may still pass the broker. knative/eventing pkg/broker/ttl.go."""

from __future__ import annotations

EXTENSION = "knativebrokerttl"


def next_ttl(current: str | None, max_ttl: int) -> int:
    """Return the TTL after one more pass: `max_ttl` when there is none or no integer, else one less.

    A result of zero or below means that the event is refused.
    """
    try:
        return int(current or "") - 1
    except ValueError:
        return max_ttl
