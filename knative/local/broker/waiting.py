"""What waits in the broker: how much by trigger, and the first events of each, as the log has them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import orjson

from eventing.attributes import decode_header
from knative.local.broker.errors import Damaged
from knative.local.broker.log import Log
from knative.local.broker.subscription import Subscription

_FIRST = (
    "SELECT d.attempts, d.due, e.headers FROM deliveries d LEFT JOIN events e ON e.seq = d.seq "
    "WHERE d.lane = ? ORDER BY d.seq LIMIT ?"
)
_PARKED = "SELECT lane, count(*) FROM parked GROUP BY lane"
_ATTRIBUTES = ("id", "source", "type", "subject")


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is not finished of one trigger.

    Attributes:
        namespace, trigger, broker, subscriber: whose it is.
        waiting: how many deliveries, by their target: `subscriber` or `dead letter sink`.
        parked: how many events neither of them took.
        never_matches: why no event can pass its filter, None if one could.
        events: the first of those that wait, for each target the oldest first.
    """

    namespace: str
    trigger: str
    broker: str
    subscriber: str
    waiting: dict[str, int]
    parked: int
    never_matches: str | None
    events: list[dict[str, Any]]


async def read_waiting(log: Log, subscriptions: Sequence[Subscription], limit: int) -> list[Waiting]:
    """Return what waits for each subscription, with at most `limit` events for each of its targets.

    Raises:
        LogUnavailable: the log cannot be read.
    """
    lanes = [(lane.number, target) for each in subscriptions for target, lane in each.lanes.items()]
    events, parked = await log.call(partial(_read, lanes=lanes, limit=limit))
    return [
        Waiting(
            namespace=each.spec.namespace,
            trigger=each.spec.name,
            broker=each.spec.broker,
            subscriber=each.spec.subscriber_uri,
            waiting={target: lane.backlog for target, lane in each.lanes.items()},
            parked=parked.get(each.lane.number, 0),
            never_matches=each.never_matches,
            events=[event for lane in each.lanes.values() for event in events[lane.number]],
        )
        for each in subscriptions
    ]


def _read(
    connection: sqlite3.Connection, lanes: Sequence[tuple[int, str]], limit: int
) -> tuple[dict[int, list[dict[str, Any]]], dict[int, int]]:
    """Read the first events of each lane, and how many are parked by lane."""
    events = {
        lane: [_waiting_event(target, *row) for row in connection.execute(_FIRST, (lane, limit))]
        for lane, target in lanes
    }
    return events, dict(connection.execute(_PARKED).fetchall())


def _waiting_event(target: str, attempts: int, due: float, headers: bytes | None) -> dict[str, Any]:
    if headers is None:
        raise Damaged("an event that waits is not there")
    values = orjson.loads(headers)
    attributes = {name: decode_header(values[f"ce-{name}"]) for name in _ATTRIBUTES if f"ce-{name}" in values}
    # A fresh delivery has no time: it is under way, or comes as soon as there is room.
    next_attempt = datetime.fromtimestamp(due, UTC).isoformat(timespec="milliseconds") if due else None
    return {**attributes, "target": target, "failed_attempts": attempts, "next_attempt": next_attempt}
