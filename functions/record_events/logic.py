"""What the ledger keeps of an event, what a dead letter's error was, and a version's state."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from eventing.catalogue import DeliveryFailed, source_of
from eventing.event import Event, answer, derive_id

FUNCTION = "record_events"
SOURCE = source_of(FUNCTION)
MAX_ERROR_CHARS = 1000
MAX_LEDGER_BYTES = 1 << 20
DATA_OMITTED = "dataomitted"

ERROR_DESTINATION = "knativeerrordest"
ERROR_CODE = "knativeerrorcode"
ERROR_DATA = "knativeerrordata"
ERROR_EXTENSIONS = (ERROR_DESTINATION, ERROR_CODE, ERROR_DATA)


def bounded(event: dict[str, Any], max_bytes: int) -> dict[str, Any]:
    """Leave out data that is longer than `max_bytes` as JSON, and say how long it is."""
    size = len(json.dumps(event.get("data", event.get("data_base64", "")), ensure_ascii=False))
    if size <= max_bytes:
        return event
    kept = {name: value for name, value in event.items() if name not in ("data", "data_base64")}
    return kept | {"data_omitted_bytes": size}


def fit_for_ledger(event: Event, max_bytes: int) -> Event:
    """Return the event, without its data if that is longer than `max_bytes`; `dataomitted` says how long."""
    size = len(event.data) if isinstance(event.data, bytes) else len(json.dumps(event.data))
    if size <= max_bytes:
        return event
    return replace(event, data=None, extensions={**event.extensions, DATA_OMITTED: str(size)})


def strip_errors(event: Event) -> Event:
    """Return the event as it was before it was dead: without what the broker added."""
    kept = {name: value for name, value in event.extensions.items() if name not in ERROR_EXTENSIONS}
    return replace(event, extensions=kept)


def error_of(event: Event) -> tuple[str, int | None, str]:
    """Return (destination, status, reason) as far as the broker gave them."""
    code = event.extensions.get(ERROR_CODE, "")
    status = int(code) if code.isascii() and code.isdigit() and len(code) < 9 else None
    reason = _decoded(event.extensions.get(ERROR_DATA, ""))
    if not reason:
        reason = "no reason given" if status is None else f"answered {status} without a reason"
    return event.extensions.get(ERROR_DESTINATION, "unknown"), status, reason[:MAX_ERROR_CHARS]


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode("utf-8", "replace").replace("\x00", "\ufffd")
    except (binascii.Error, ValueError):
        return text.replace("\x00", "\ufffd")


def delivery_failed(dead: Event, letter: int, deaths: int, now: Any) -> Event | None:
    """Build the event about a dead letter; None for a dead letter that is itself such an event.

    Args:
        dead: as it came, with the broker's extensions.
        letter: the dead letter's number.
        deaths: how often it has come, so that each time it dies after a redrive is a new event.
        now: aware.
    """
    if dead.type == DeliveryFailed.type:
        return None
    destination, code, error = error_of(dead)
    payload = DeliveryFailed(
        event_id=dead.id,
        event_type=dead.type,
        event_source=dead.source,
        event_subject=dead.subject,
        destination=destination,
        code=code,
        error=error,
        redrive=f"POST /dead-letters/{letter}/redrive",
    )
    subject = dead.subject or dead.id
    failed = answer(dead, DeliveryFailed.type, SOURCE, subject, payload, now=now)
    return replace(failed, id=derive_id(f"{dead.id}@{destination}#{deaths}", DeliveryFailed.type, subject))


def state_of(facts: Sequence[str], *, champion: bool) -> str:
    """Name a version's state from its facts in order."""
    if champion:
        return "champion"
    last = facts[-1] if facts else "unknown"
    return "superseded" if last == "promoted" else last
