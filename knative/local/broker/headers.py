"""Which HTTP headers go along with an event: knative/eventing PassThroughHeaders, and the trace."""

from __future__ import annotations

from functools import lru_cache

_TRACE = ("traceparent", "tracestate", "baggage")
_NAMES = frozenset(("x-request-id", "retry-after", *_TRACE))
_PREFIXES = ("knative-", "x-b3-")


@lru_cache(maxsize=1024)
def is_passed_through(name: str) -> bool:
    """Return whether a header of this lower-case name is forwarded, besides the event's own."""
    return name in _NAMES or name.startswith(_PREFIXES)


def with_trace(reply: dict[str, str], cause: dict[str, str]) -> dict[str, str]:
    """Return the reply's headers, in the trace of the event it answers unless it brings its own."""
    if "traceparent" in reply:
        return reply
    return reply | {name: cause[name] for name in _TRACE if name in cause and name not in reply}
