"""The events that the broker itself emits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import orjson

from knative.local.broker.event import Incoming, read_event
from knative.local.broker.rebuilding import Rebuilt

SOURCE = "/kascade/broker"


def deliveries_lost(rebuilt: Rebuilt) -> Iterator[tuple[tuple[str, str], int, Incoming]]:
    """Yield (namespace and trigger, deliveries lost, event) for each trigger that a damaged log cost some."""
    lost: dict[str, int] = {}
    for lane, count in rebuilt.lost.items():
        key = lane.partition("#")[0]
        lost[key] = lost.get(key, 0) + count
    for key, count in lost.items():
        namespace, _, name = key.partition("/")
        data = {
            "namespace": namespace,
            "trigger": name,
            "lost": count,
            "repeated": rebuilt.again.get(key, 0),
            "reason": rebuilt.why,
            "kept": rebuilt.kept,
        }
        yield (namespace, name), count, _event("dev.kascade.deliveries.lost", key, data)


def _event(type_: str, subject: str, data: dict[str, object]) -> Incoming:
    now = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds")
    id_ = str(uuid4())
    attributes = {
        "specversion": "1.0",
        "id": id_,
        "source": SOURCE,
        "type": type_,
        "subject": subject,
        "time": now,
        "correlationid": id_,
    }
    headers = [(f"ce-{name}".encode(), value.encode()) for name, value in attributes.items()]
    return read_event([*headers, (b"content-type", b"application/json")], orjson.dumps(data))
