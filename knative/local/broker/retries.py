"""When a failed delivery is tried again, and after what wait. knative/eventing kncloudevents/retries.go."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Literal

from knative.local.broker.model import Delivery

_RETRIED = frozenset((404, 408, 409, 429))
_WITH_RETRY_AFTER = frozenset((429, 503))
_LONGEST_S = 366 * 86_400.0
_MOST_WAITS = 64


def is_retriable(status: int) -> bool:
    """Return whether an answer of this status may become better by trying again."""
    return status in _RETRIED or 500 <= status <= 599


def backoff_s(delivery: Delivery, retry: int, linear: Literal["constant", "knative"] = "constant") -> float:
    """Return the seconds to wait before the `retry`-th retry (1, 2, …); no jitter, no cap below a year."""
    delay = delivery.backoff_delay_s
    if delivery.backoff_policy == "exponential":
        return min(delay * 2.0 ** min(retry - 1, 64), _LONGEST_S)
    return delay if linear == "constant" else delay * (retry - 1)


def wait_s(
    delivery: Delivery,
    retry: int,
    status: int,
    headers: Mapping[str, str],
    now_s: float,
    linear: Literal["constant", "knative"] = "constant",
) -> float:
    """Return the seconds to wait before the `retry`-th retry, `Retry-After` heeded if `retryAfterMax` allows.

    Args:
        delivery: the policy.
        retry: 1 for the first retry.
        status: of the answer; Retry-After counts only on 429 and 503.
        headers: of the answer, by lower-case name.
        now_s: seconds since the epoch, for a Retry-After that is a date.
        linear: see BrokerSettings.linear_backoff.
    """
    wait = backoff_s(delivery, retry, linear)
    asked = headers.get("retry-after")
    if not delivery.retry_after_max_s or asked is None or status not in _WITH_RETRY_AFTER:
        return wait
    return max(wait, min(_retry_after_s(asked, now_s), delivery.retry_after_max_s))


def waits_s(delivery: Delivery, linear: Literal["constant", "knative"] = "constant") -> list[float]:
    """Return the longest wait of a delivery by how often it has failed, from 0 on; the last one for more."""
    longest = delivery.retry_after_max_s or 0.0
    retries = range(1, min(delivery.retry, _MOST_WAITS) + 1)
    return [0.0, *(max(backoff_s(delivery, retry, linear), longest) for retry in retries)]


def _retry_after_s(text: str, now_s: float) -> float:
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # the latter for a zone beyond all hours
        return 0.0
    return max(0.0, (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - now_s)
