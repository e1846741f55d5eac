"""Tells a system by JSON that is posted to it, signed as Standard Webhooks asks where there is a secret.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

from eventing.clock import Clock
from eventing.event import derive_id
from functions.notify_people.logic import Notification
from functions.notify_people.posting import Posting, dump


@dataclass(frozen=True)
class WebhookReceiver:
    """An address, and the key that a body is signed with."""

    route: str
    posting: Posting
    key: bytes | None
    clock: Clock

    def tell(self, notification: Notification) -> None:
        """Post a notification. Each attempt has the same `webhook-id`, by which a receiver knows it again."""
        body = dump(body_of(notification))
        id_, at = id_of(self.route, notification), str(int(self.clock().timestamp()))
        headers = {"webhook-id": id_, "webhook-timestamp": at}
        if self.key is not None:
            headers["webhook-signature"] = signature(self.key, id_, at, body)
        self.posting.post(body, headers)


def body_of(notification: Notification) -> dict[str, Any]:
    """Return what is posted."""
    event = notification.event
    return {
        "severity": notification.severity.value,
        "occasion": notification.occasion,
        "model": notification.model,
        "title": notification.title,
        "lines": list(notification.lines),
        "link": notification.link or None,
        "held_back": notification.held,
        "held_since": notification.held_since.isoformat() if notification.held_since else None,
        "event": {
            "id": event.id,
            "source": event.source,
            "type": event.type,
            "subject": event.subject,
            "time": event.time.isoformat() if event.time else None,
            "correlationid": event.correlation_id,
        },
    }


def signature(key: bytes, id_: str, timestamp: str, body: bytes) -> str:
    """Sign a body, its id and its time."""
    signed = f"{id_}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def id_of(route: str, notification: Notification) -> str:
    """Return the id of what a route is told of an event: the same at each attempt."""
    event = notification.event
    return derive_id(f"{event.source}\x1f{event.id}", notification.occasion, route)
