"""A recorded log: every event with when it was recorded, in order."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from eventing.event import CAUSATION, Event
from functions.state.stored_event import load_event
from kascade.errors import KascadeError


class ReplayError(KascadeError):
    """The log, or the policy, cannot be replayed; the message says what is missing or wrong."""


@dataclass(frozen=True)
class Recorded:
    """One event of the log. `at` is when it was recorded, or when it happened where that is not known."""

    seq: int
    at: datetime
    event: Event

    @property
    def happened(self) -> datetime:
        """When the event happened, as it says itself."""
        return self.event.time or self.at

    @property
    def cause(self) -> str | None:
        """The id of the event it answers."""
        return self.event.extensions.get(CAUSATION)

    @property
    def data(self) -> Mapping[str, Any]:
        """Its payload; empty where it has none."""
        return self.event.data if isinstance(self.event.data, Mapping) else {}

    @property
    def model(self) -> str:
        """The model it is about, as its payload or its subject says; a timer's is in its key."""
        if "owner" in self.data and "key" in self.data:
            return str(self.data["key"]).partition("/")[0]
        return str(self.data.get("model") or (self.event.subject or "").partition("/")[0])


def read_lines(lines: Iterable[str]) -> list[Recorded]:
    """Read JSON Lines: rows as `kascade events --json` prints them, or bare events in structured form.

    Raises:
        ReplayError: a line is neither; the message has its number.
    """
    found: list[Recorded] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found.append(recorded_of(json.loads(line), number))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ReplayError(f"line {number} is no recorded event: {error}") from error
    return in_order(found)


def recorded_of(row: Mapping[str, Any], number: int) -> Recorded:
    """Read one row `{"seq", "recorded_at", "event"}`, or a bare event."""
    bare = "event" not in row
    content = row if bare else row["event"]
    if "data_omitted_bytes" in content:
        raise ValueError(f"the data of {content['id']} was left out: ask the ledger for it with whole=1")
    event = load_event(json.dumps(content))
    seq = number if bare else int(row["seq"])
    if bare or not row.get("recorded_at"):
        if event.time is None:
            raise ValueError(f"{event.id} has neither a time nor a time of recording")
        return Recorded(seq, _utc(event.time), event)
    return Recorded(seq, _utc(datetime.fromisoformat(row["recorded_at"])), event)


def in_order(log: Iterable[Recorded]) -> list[Recorded]:
    """Return the log by sequence number, each event (by source and id) once."""
    seen: set[tuple[str, str]] = set()
    found = []
    for each in sorted(log, key=lambda row: row.seq):
        key = (each.event.source, each.event.id)
        if key not in seen:
            seen.add(key)
            found.append(each)
    return found


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
