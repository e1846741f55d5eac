"""How the broker is tuned, and where its user chooses between Knative's specification and its code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class BrokerSettings:
    """Settings of one engine.

    Attributes:
        max_ttl: hops an event may take through the broker before it is refused (Knative's MAX_TTL).
        concurrency: deliveries under way at once, per trigger.
        page_events, page_bytes: what one trigger may hold in memory at most, besides what is under way
            (one event of any size always fits); the rest of its backlog stays in the log.
        synchronous: `FULL` forces each group of accepted events to the disk before their 202: they survive a
            power loss. `NORMAL` leaves that to the system: they survive `kill -9`, not a power loss.
        max_log_bytes: the size at which the log is full, by default when the disk nearly is.
        notes_wait_s: how long the note that an event was delivered may wait for company in the log. Events
            delivered within that time before a crash are delivered again.
        attempt_timeout_s: bounds one attempt where `delivery.timeout` says nothing (Knative: 15 minutes).
        drain_s: how long `stop` waits for deliveries under way.
        reply_statuses: which answers carry a reply: `2xx` as Knative's code does, or only `200` as its
            specification says.
        linear_backoff: `constant` waits `backoffDelay` before each retry as the specification says;
            `knative` waits 0, 1, 2, … times `backoffDelay` as its code does.
        refused_reply: when the broker cannot store a reply, `retry-reply` tries that again and then
            dead-letters the event, as Knative's code does; `redeliver` calls the subscriber again, as its
            specification says.
        ingress_url: the address of the ingress, as dead letter events name it when a reply was refused.
    """

    max_ttl: int = 255
    concurrency: int = 32
    page_events: int = 128
    page_bytes: int = 2 << 20
    synchronous: Literal["FULL", "NORMAL"] = "FULL"
    max_log_bytes: int | None = None
    notes_wait_s: float = 0.02
    attempt_timeout_s: float = 900.0
    drain_s: float = 10.0
    reply_statuses: Literal["2xx", "200"] = "2xx"
    linear_backoff: Literal["constant", "knative"] = "constant"
    refused_reply: Literal["retry-reply", "redeliver"] = "retry-reply"
    ingress_url: str = "http://broker-ingress.knative-eventing.svc.cluster.local"
